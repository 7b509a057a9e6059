using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Methods;

/// <summary>What a provider is asked to restore.</summary>
/// <param name="Native">The domain's calls.</param>
/// <param name="Domain">The domain, freshly read, and shut off.</param>
/// <param name="Host">Where its hypervisor runs.</param>
/// <param name="Group">The set's identity: what is made on the way may be named after it.</param>
/// <param name="Name">The snapshot's name.</param>
/// <param name="Disks">The records, at most one of each disk; their data is there and sound.</param>
/// <param name="Recorded">All records of the domain, of every method, these included, the oldest first.</param>
internal sealed record RestoreRequest(
    LibvirtDomain Native,
    VmDomain Domain,
    IHost Host,
    Guid Group,
    SnapshotName Name,
    IReadOnlyList<SnapshotRecord> Disks,
    IReadOnlyList<SnapshotRecord> Recorded)
    : MethodRequest(Native, Domain, Host);
