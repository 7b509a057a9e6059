using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>The entry point: plans and lists snapshots with the methods that are registered with it. One for a process is enough.</summary>
public sealed class SnapshotEngine
{
    private readonly TimeProvider clock;
    private readonly Action<RunStep>? observer;

    /// <summary>An engine with the methods of this module.</summary>
    /// <param name="others">Further methods, which are taken only where they are asked for or suit a disk better.</param>
    public SnapshotEngine(params IReadOnlyList<SnapshotMethod> others)
        : this(new MethodRegistry([.. BuiltInMethods.Create().Methods, .. others]))
    {
    }

    /// <param name="methods">The methods, the preferred one first.</param>
    /// <param name="clock">Gives names and times to what is recorded.</param>
    /// <param name="observer">Called at each step of each operation: tests end the process there.</param>
    /// <param name="guards">The freeze guards that are started ahead.</param>
    internal SnapshotEngine(MethodRegistry methods, TimeProvider? clock = null, Action<RunStep>? observer = null, SpareGuards? guards = null)
    {
        Methods = methods;
        this.clock = clock ?? TimeProvider.System;
        this.observer = observer;
        Guards = guards ?? new SpareGuards();
        Settings = new MethodSettings(this);
    }

    /// <summary>Which method the snapshots of a disk use.</summary>
    public MethodSettings Settings { get; }

    internal MethodRegistry Methods { get; }

    internal SpareGuards Guards { get; }

    internal DateTimeOffset Now => clock.GetUtcNow();

    /// <summary>Plans one atomic set. The plan holds the domain's lock until it is disposed of.</summary>
    /// <param name="request">The request.</param>
    /// <param name="reporter">Receives what is left out, and why.</param>
    /// <param name="cancellation">Ends the waiting for libvirt.</param>
    /// <exception cref="VirtSnapshotException">It cannot be done; nothing was touched.</exception>
    public SnapshotPlan PlanSnapshot(SnapshotRequest request, IRunReporter reporter, CancellationToken cancellation) =>
        SnapshotPlan.Make(this, request, reporter, cancellation);

    /// <summary>Plans to remove snapshots of one domain. The plan holds the domain's lock until it is disposed of.</summary>
    /// <param name="domain">The domain.</param>
    /// <param name="snapshots">Its snapshots that are to be removed.</param>
    /// <param name="reporter">Receives the progress.</param>
    /// <param name="cancellation">Ends the waiting for libvirt.</param>
    /// <exception cref="VirtSnapshotException">It cannot be done; nothing was touched.</exception>
    public RemovalPlan PlanRemoval(VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots, IRunReporter reporter, CancellationToken cancellation) =>
        RemovalPlan.Make(this, domain, snapshots, reporter, cancellation);

    /// <summary>Plans to restore disks of a shut-off domain. The plan holds the domain's lock until it is disposed of.</summary>
    /// <param name="domain">The domain.</param>
    /// <param name="snapshots">Snapshots of one set.</param>
    /// <param name="includeFirmware">Whether the copies of UEFI variables and TPM state that the set keeps are restored as well.</param>
    /// <param name="reporter">Receives the messages for the user.</param>
    /// <param name="cancellation">Ends the waiting for libvirt.</param>
    /// <exception cref="VirtSnapshotException">
    /// It cannot be done; nothing was touched. <c>FirmwareNotKept</c>, <c>FirmwareInvalid</c>: not the firmware's part of it.
    /// </exception>
    public RestorePlan PlanRestore(
        VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots, bool includeFirmware, IRunReporter reporter, CancellationToken cancellation) =>
        RestorePlan.Make(this, domain, snapshots, includeFirmware, reporter, cancellation);

    /// <summary>Finds a run that died, or a domain that was defined again from an old XML. Null where there is nothing to repair.</summary>
    /// <param name="domain">The domain.</param>
    /// <param name="detached">What to do with unused overlays that hold a disk's newest data; null only reports them.</param>
    /// <param name="reporter">Receives the progress.</param>
    /// <param name="cancellation">Ends the waiting for libvirt.</param>
    /// <exception cref="VirtSnapshotException">
    /// <c>DomainLocked</c>: the run is still going on. <c>JournalDamaged</c>, <c>LibvirtUnreachable</c>. <c>DomainRunning</c>, <c>NotReattachable</c>: the
    /// overlays cannot be used again.
    /// </exception>
    public RepairPlan? PlanRepair(VmDomain domain, DetachedOverlay? detached, IRunReporter reporter, CancellationToken cancellation) =>
        RepairPlan.Make(this, domain, detached, reporter, cancellation);

    /// <summary>The snapshots of a domain as it is now, the oldest first, and after them other tools' snapshots, which no record explains.</summary>
    /// <param name="domain">The domain.</param>
    /// <param name="listing">The listing that this is a part of; null for one of its own.</param>
    /// <exception cref="VirtSnapshotException"><c>DomainNotFound</c>, <c>LibvirtUnreachable</c>, <c>CatalogDamaged</c>.</exception>
    public IReadOnlyList<DiskSnapshot> List(VmDomain domain, SnapshotListing? listing = null) =>
        new SnapshotList(this, listing ?? new SnapshotListing()).Of(domain);

    /// <summary>Ends what is kept ready for the next run. The engine can be used further.</summary>
    public void Release() => Guards.Release();

    internal void Reached(RunStep step) => observer?.Invoke(step);
}
