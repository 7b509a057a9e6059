using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Methods;

/// <summary>What a provider is asked to snapshot.</summary>
/// <param name="Native">The domain's calls.</param>
/// <param name="Domain">The domain, freshly read.</param>
/// <param name="Host">Where its hypervisor runs.</param>
/// <param name="Set">The set's name and identity.</param>
/// <param name="Disks">The disks that use the method.</param>
/// <param name="OverlayDirectory">A folder of the host that new files go to instead of the disks' own.</param>
/// <param name="Recorded">The domain's snapshots that exist already, of every method.</param>
/// <param name="Warn">Says what the user should know although it is no reason to refuse.</param>
internal sealed record PlanRequest(
    LibvirtDomain Native,
    VmDomain Domain,
    IHost Host,
    SetIdentity Set,
    IReadOnlyList<SnapshotTarget> Disks,
    string? OverlayDirectory,
    IReadOnlyList<SnapshotRecord> Recorded,
    Action<string> Warn)
    : MethodRequest(Native, Domain, Host)
{
    /// <summary>The snapshot's name.</summary>
    public SnapshotName Name => Set.Name;

    /// <summary>Who writes to images, where a snapshot is really to be taken; null where only its data is checked.</summary>
    public ImageWriters? Writers { get; init; }

    /// <summary>What other methods make for the same set: nothing else can have such a name.</summary>
    public IReadOnlyCollection<string> Taken { get; init; } = [];

    /// <summary>How long libvirt may take to switch the disks of a frozen guest, beside a part for each disk; null for the usual time.</summary>
    public TimeSpan? SwitchTime { get; init; }
}
