namespace VirtSnapshot.Methods.Volumes;

/// <summary>The volume that a method would snapshot for a disk, or why there is none.</summary>
/// <param name="Volume">The volume; null where there is none.</param>
/// <param name="Rank">How well the method suits the disk.</param>
/// <param name="Reason">Why, as the end of a sentence about the disk.</param>
internal sealed record VolumeFit(Volume? Volume, MethodRank Rank, string Reason)
{
    public static VolumeFit Impossible(string reason) => new(null, MethodRank.Impossible, reason);
}
