using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>Whether a method can snapshot a disk, and why.</summary>
/// <param name="Rank">How well.</param>
/// <param name="Reason">Why, as the end of a sentence about the disk.</param>
/// <param name="Level">Where in the stack it would work; null where that is the method's usual level.</param>
/// <param name="Finding">What the probe found, for the method's own plan: nothing is probed twice. The engine does not look into it.</param>
internal sealed record MethodFit(MethodRank Rank, string Reason, StorageLevel? Level = null, object? Finding = null)
{
    public bool CanServe => Rank != MethodRank.Impossible;

    public static MethodFit Impossible(string reason) => new(MethodRank.Impossible, reason);
}
