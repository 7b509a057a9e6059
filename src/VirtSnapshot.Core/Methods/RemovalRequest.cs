using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Methods;

/// <summary>What a provider is asked to remove.</summary>
/// <param name="Native">The domain's calls.</param>
/// <param name="Domain">The domain, freshly read.</param>
/// <param name="Host">Where its hypervisor runs.</param>
/// <param name="Disks">The records, at most one of each disk.</param>
/// <param name="Recorded">All records of the domain, of every method, these included.</param>
/// <param name="Bandwidth">Bytes per second and disk; 0 for no limit.</param>
/// <param name="Begun">Targets of those disks whose removal an earlier run has begun: jobs that it left running are ours to finish.</param>
/// <param name="SameRun">Targets of those among them whose domain has run without a break since.</param>
/// <param name="Merged">Targets of those disks whose data has certainly been moved already, if it is no longer where the record says.</param>
/// <param name="Reached">Called at the steps of a merge.</param>
internal sealed record RemovalRequest(
    LibvirtDomain Native,
    VmDomain Domain,
    IHost Host,
    IReadOnlyList<SnapshotRecord> Disks,
    IReadOnlyList<SnapshotRecord> Recorded,
    ulong Bandwidth,
    IReadOnlySet<string> Begun,
    IReadOnlySet<string> SameRun,
    IReadOnlySet<string> Merged,
    Action<RunStep> Reached)
    : MethodRequest(Native, Domain, Host);
