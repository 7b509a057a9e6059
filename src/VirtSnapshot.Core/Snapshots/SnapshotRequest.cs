using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>A request for one atomic set of one domain's disks.</summary>
public sealed record SnapshotRequest
{
    /// <param name="domain">The domain.</param>
    /// <param name="disks">See <see cref="Disks"/>; null for all.</param>
    /// <param name="method">See <see cref="Method"/>.</param>
    /// <param name="name">See <see cref="Name"/>.</param>
    /// <param name="quiescing">See <see cref="Quiescing"/>; null for a freeze where it is possible.</param>
    /// <param name="shield">See <see cref="Shield"/>.</param>
    /// <param name="overlayDirectory">See <see cref="OverlayDirectory"/>.</param>
    public SnapshotRequest(
        VmDomain domain,
        IReadOnlyList<DiskSelector>? disks = null,
        DiskSnapshotMethod? method = null,
        SnapshotName? name = null,
        QuiesceOptions? quiescing = null,
        ShieldUse shield = ShieldUse.WhereNeeded,
        string? overlayDirectory = null)
    {
        Domain = domain;
        Disks = disks ?? [];
        Method = method;
        Name = name;
        Quiescing = quiescing ?? new QuiesceOptions();
        Shield = shield;
        OverlayDirectory = overlayDirectory;
    }

    /// <summary>The domain.</summary>
    public VmDomain Domain { get; }

    /// <summary>The disks; every disk that can be snapshotted where it is empty.</summary>
    public IReadOnlyList<DiskSelector> Disks { get; }

    /// <summary>The method for all of them; each disk's own, or its default, where it is null.</summary>
    public DiskSnapshotMethod? Method { get; }

    /// <summary>The snapshot's name; the UTC time where it is null.</summary>
    public SnapshotName? Name { get; }

    /// <summary>How the guest's file systems are treated.</summary>
    public QuiesceOptions Quiescing { get; }

    /// <summary>Whether overlays take the guest's writes while slow snapshots are made.</summary>
    public ShieldUse Shield { get; }

    /// <summary>A folder of the hypervisor's host for new files; the disks' own folders where it is null.</summary>
    public string? OverlayDirectory { get; }
}

/// <summary>Whether temporary overlays take the guest's writes while slow snapshots are taken, so that the guest does not wait for them.</summary>
public enum ShieldUse
{
    /// <summary>For methods that are slow, and for sets that mix methods.</summary>
    WhereNeeded,

    /// <summary>For all methods that have no overlay of their own.</summary>
    Always,

    /// <summary>Never: the guest waits.</summary>
    Never,
}
