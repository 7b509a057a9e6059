using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>What is asked for: one atomic set of one domain's disks.</summary>
public sealed record SnapshotRequest
{
    /// <summary>The domain.</summary>
    public required VmDomain Domain { get; init; }

    /// <summary>The disks; every disk that can be snapshotted where it is empty.</summary>
    public IReadOnlyList<DiskSelector> Disks { get; init; } = [];

    /// <summary>The method for all of them; each disk's own, or its default, where it is null.</summary>
    public DiskSnapshotMethod? Method { get; init; }

    /// <summary>The snapshot's name; the UTC time where it is null.</summary>
    public SnapshotName? Name { get; init; }

    /// <summary>How the guest's file systems are treated.</summary>
    public QuiesceOptions Quiescing { get; init; } = new();

    /// <summary>Whether overlays take the guest's writes while slow snapshots are made.</summary>
    public ShieldUse Shield { get; init; }

    /// <summary>A folder of the hypervisor's host for new files; the disks' own folders where it is null.</summary>
    public string? OverlayDirectory { get; init; }
}
