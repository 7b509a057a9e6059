using VirtSnapshot.Domains;

namespace VirtSnapshot.Snapshots;

/// <summary>What restoring would do to one disk.</summary>
public sealed record DiskRestorePlan(VmDisk Disk, string Method, string Action, IReadOnlyList<string> LostSnapshots, bool UsesUpSnapshot)
{
    /// <summary>The disk.</summary>
    public VmDisk Disk { get; } = Disk;

    /// <summary>The method of the snapshot.</summary>
    public string Method { get; } = Method;

    /// <summary>What is done, as the end of a sentence.</summary>
    public string Action { get; } = Action;

    /// <summary>The names of the disk's newer snapshots that are gone afterwards.</summary>
    public IReadOnlyList<string> LostSnapshots { get; } = LostSnapshots;

    /// <summary>Whether the restored snapshot is gone afterwards as well.</summary>
    public bool UsesUpSnapshot { get; } = UsesUpSnapshot;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Disk} ({Method}): {Action}"
        + (LostSnapshots.Count > 0 ? $". LOST: its newer snapshot{(LostSnapshots.Count > 1 ? "s" : "")} "
            + $"{string.Join(", ", LostSnapshots.Select(name => $"'{name}'"))}" : "")
        + (UsesUpSnapshot ? ". The restored snapshot itself is used up" : "");
}
