using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>Whether a method can snapshot a disk, and why.</summary>
/// <param name="Rank">How well.</param>
/// <param name="Reason">Why, as the end of a sentence about the disk.</param>
/// <param name="Level">Where in the stack it would work; null where that is the method's usual one.</param>
internal sealed record MethodFit(MethodRank Rank, string Reason, StorageLevel? Level = null)
{
    public bool CanServe => Rank != MethodRank.Impossible;

    public static MethodFit Impossible(string reason) => new(MethodRank.Impossible, reason);
}
