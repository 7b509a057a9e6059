namespace VirtSnapshot.Methods;

/// <summary>Whether a method can snapshot a disk, and why.</summary>
/// <param name="Rank">How well.</param>
/// <param name="Reason">Why, as the end of a sentence about the disk.</param>
internal sealed record MethodFit(MethodRank Rank, string Reason)
{
    public bool CanServe => Rank != MethodRank.Impossible;

    public static MethodFit Impossible(string reason) => new(MethodRank.Impossible, reason);
}
