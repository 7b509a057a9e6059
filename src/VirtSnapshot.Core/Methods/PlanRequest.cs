using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Methods;

/// <summary>Disks that one method is to snapshot as a part of one set.</summary>
public sealed record PlanRequest : MethodRequest
{
    internal PlanRequest(
        LibvirtDomain native,
        VmDomain domain,
        IHost host,
        SetIdentity set,
        IReadOnlyList<SnapshotTarget> disks,
        string? overlayDirectory,
        IReadOnlyList<SnapshotRecord> recorded,
        Action<string> warn)
        : base(native, domain, host)
    {
        Set = set;
        Disks = disks;
        OverlayDirectory = overlayDirectory;
        Recorded = recorded;
        Warn = warn;
    }

    /// <summary>The set's name and identity.</summary>
    public SetIdentity Set { get; internal init; }

    /// <summary>The snapshot's name.</summary>
    public SnapshotName Name => Set.Name;

    /// <summary>The disks that use the method.</summary>
    public IReadOnlyList<SnapshotTarget> Disks { get; internal init; }

    /// <summary>A folder of the host that new files are made in instead of the disks' own.</summary>
    public string? OverlayDirectory { get; internal init; }

    /// <summary>The domain's existing snapshots, of every method.</summary>
    public IReadOnlyList<SnapshotRecord> Recorded { get; internal init; }

    /// <summary>Receives what the user should know although it is no reason to refuse.</summary>
    public Action<string> Warn { get; internal init; }

    /// <summary>The names that other methods use for the same set.</summary>
    public IReadOnlyCollection<string> Taken { get; internal init; } = [];

    /// <summary>Which domains write to which images, where a snapshot is really to be taken; null where only its settings are checked.</summary>
    internal ImageWriters? Writers { get; init; }

    /// <summary>How long libvirt may take to switch the disks of a frozen guest, beside a part for each disk; null for the usual time.</summary>
    internal TimeSpan? SwitchTime { get; init; }
}
