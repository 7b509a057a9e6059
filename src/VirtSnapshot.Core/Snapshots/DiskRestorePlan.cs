using VirtSnapshot.Domains;

namespace VirtSnapshot.Snapshots;

/// <summary>What restoring would do to one disk.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Method">The method of the snapshot.</param>
/// <param name="Action">What is done, as the end of a sentence.</param>
/// <param name="LostSnapshots">The names of the disk's newer snapshots that are gone afterwards.</param>
/// <param name="UsesUpSnapshot">Whether the restored snapshot is gone afterwards as well.</param>
public sealed record DiskRestorePlan(VmDisk Disk, string Method, string Action, IReadOnlyList<string> LostSnapshots, bool UsesUpSnapshot)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"{Disk} ({Method}): {Action}"
        + (LostSnapshots.Count > 0 ? $". LOST: its newer snapshot{(LostSnapshots.Count > 1 ? "s" : "")} {string.Join(", ", LostSnapshots.Select(name => $"'{name}'"))}" : "")
        + (UsesUpSnapshot ? ". The restored snapshot itself is used up" : "");
}
