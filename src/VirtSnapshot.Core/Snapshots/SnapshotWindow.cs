using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Methods;
using VirtSnapshot.Native;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// The moment in which a set is taken: the guest's file systems frozen, its vCPUs paused, or neither, and what the snapshots can promise then.
/// </summary>
internal sealed class SnapshotWindow : IDisposable
{
    private readonly DomainSession session;
    private readonly QuiesceOptions quiescing;
    private readonly SetActs acts;
    private readonly Action<string> warn;
    private readonly VmDomain before;
    private readonly Freezer? freezer;
    private ISnapshotSteps? last;
    private FreezeOutcome? frozen;
    private string? doubtOfPause;

    /// <summary>Starts the freeze guard, so that it gets ready while the run prepares.</summary>
    /// <param name="session">The domain.</param>
    /// <param name="quiescing">What is to be done to the guest.</param>
    /// <param name="acts">What is taken.</param>
    /// <param name="warn">Receives warnings, which must wait until the guest is thawed.</param>
    /// <param name="cancellation">Ends the waiting for the agent.</param>
    /// <exception cref="VirtSnapshotException">A freeze is required and cannot be done. Nothing was touched.</exception>
    public SnapshotWindow(DomainSession session, QuiesceOptions quiescing, SetActs acts, Action<string> warn, CancellationToken cancellation)
    {
        this.session = session;
        this.quiescing = quiescing;
        this.acts = acts;
        this.warn = warn;
        before = session.Domain;
        freezer = ReadyFreezer(cancellation);
    }

    /// <summary>Whether the guest is to be frozen.</summary>
    public bool Freezes => freezer is not null;

    /// <summary>Whether something may have been taken, so that undoing has to find out what exists.</summary>
    public bool MayHaveTaken { get; private set; }

    /// <summary>How long the guest was frozen; null where it was not.</summary>
    public TimeSpan? FreezeTime => frozen?.Window;

    private VmDomain Domain => session.Domain;

    private bool MustPauseVcpus => before is { IsActive: true, IsPaused: false } && acts.NeedVcpuPause;

    private string UnfrozenConsistency => MustPauseVcpus ? "of a guest whose vCPUs were paused, but that was not frozen" : "crash-consistent";

    public void Dispose() => freezer?.Dispose();

    /// <summary>Takes the set: all disks, or none that count.</summary>
    public void TakeAll(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        try
        {
            TakeFrozen(cancellation);
        }
        catch (Exception e) when (e is not (VirtSnapshotException or LibvirtException)
            && !(e is OperationCanceledException && cancellation.IsCancellationRequested))
        {
            throw WindowFailure.Explain(e, Domain);
        }
    }

    /// <summary>Refuses what must not be recorded, with the domain as it is after the window.</summary>
    /// <exception cref="VirtSnapshotException"><c>ManagedSave</c>, <c>DomainJobRunning</c></exception>
    public void RefuseIncomplete()
    {
        RefuseSaved();

        // After a late call the guest was no longer frozen, so what was to be taken after it was not taken.
        if (last != acts.Within[^1])
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "DomainJobRunning",
                Domain,
                $"Another job held the lock of domain '{Domain.Name}' for so long that the guest was thawed before all disks were snapshotted.");
        }
    }

    /// <summary>Warns where the set has not reached the planned consistency.</summary>
    /// <exception cref="VirtSnapshotException"><c>FreezeNotHeld</c>: and a freeze is required.</exception>
    public void ReportDoubt()
    {
        if (WhyInDoubt() is not { } doubt)
        {
            return;
        }

        if (quiescing.Quiescence == Quiescence.Required)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidResult, "FreezeNotHeld", Domain, $"The snapshot of domain '{Domain.Name}' is not quiesced: {doubt}.");
        }

        warn($"The snapshot of domain '{Domain.Name}' is crash-consistent: {doubt}.");
    }

    /// <summary>What a disk's snapshot can promise.</summary>
    public Consistency ConsistencyOf(PlannedSnapshot planned)
    {
        if (WhyInDoubt() is not null)
        {
            return Consistency.CrashConsistent;
        }

        return frozen is null
            ? before switch
            {
                { IsActive: false } => Consistency.Offline,
                { IsPaused: true } => Consistency.Paused,
                _ => MustPauseVcpus ? Consistency.Paused : Consistency.CrashConsistent,
            }
            : planned.WhyNotQuiesced is null && freezer!.WasWhollyFrozen(planned.Disk.Target) ? Consistency.Quiesced : Consistency.CrashConsistent;
    }

    /// <summary>Null where nothing is to be frozen.</summary>
    private Freezer? ReadyFreezer(CancellationToken cancellation)
    {
        if (!Domain.IsActive || Domain.IsPaused || quiescing.Quiescence == Quiescence.None)
        {
            return null;
        }

        try
        {
            return Freezer.Prepare(session.Native, Domain, session.Host, session.Engine.Guards, quiescing, cancellation);
        }
        catch (QuiesceUnavailableException e)
        {
            GoOnUnfrozen(e);
            return null;
        }
        catch (LibvirtException e)
        {
            throw LibvirtFailure.Explain(e, Domain, $"asking the guest agent of domain '{Domain.Name}'", "Nothing was touched.");
        }
    }

    private void TakeFrozen(CancellationToken cancellation)
    {
        try
        {
            if (freezer is not null)
            {
                freezer.WaitForGuard();
                frozen = freezer.Around(() => Take(guestWaits: true), TakeAfterAll, cancellation);
                return;
            }
        }
        catch (QuiesceUnavailableException e)
        {
            GoOnUnfrozen(e);
        }

        TakeUnfrozen();

        void TakeAfterAll(string reason)
        {
            warn($"{reason} The snapshot is {UnfrozenConsistency}.");
            TakeUnfrozen();
        }
    }

    private void TakeUnfrozen()
    {
        if (MustPauseVcpus)
        {
            doubtOfPause = new VcpuPause(session.Native, Domain, session.Host, session.Engine.Guards, quiescing).Around(() => Take(guestWaits: true));
        }
        else
        {
            Take(guestWaits: false);
        }
    }

    /// <summary>Without a freeze the set is no less complete; only with <c>QUIESCE_REQUIRED</c> is it not wanted.</summary>
    private void GoOnUnfrozen(QuiesceUnavailableException why)
    {
        if (quiescing.Quiescence == Quiescence.Required)
        {
            throw why.ToFailure(Domain);
        }

        warn($"The snapshot of domain '{Domain.Name}' is {UnfrozenConsistency}: {why.Message}.");
    }

    private void Take(bool guestWaits)
    {
        session.Engine.Reached(RunStep.Frozen);

        // From here on an undo checks what exists, over a new connection: any call may have lost the old one.
        MayHaveTaken = true;
        RefuseSaved();
        foreach (var steps in acts.Within)
        {
            last = steps;
            try
            {
                steps.Take();
            }
            catch (CallTimeoutException late) when (!guestWaits)
            {
                late.WaitForOutcome();
            }
        }

        session.Engine.Reached(RunStep.Taken);
    }

    /// <summary>libvirt would switch a saved domain as any other that is shut off, and its memory would continue on other images.</summary>
    private void RefuseSaved()
    {
        if (before.IsActive && session.Native.SavedMemory is not null)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation, "ManagedSave", Domain, $"The memory of domain '{Domain.Name}' was saved while its snapshot was being taken.");
        }
    }

    /// <summary>Why the set has not reached the planned consistency: the freeze did not last, or the domain's state has changed.</summary>
    private string? WhyInDoubt()
    {
        if (frozen is not null)
        {
            return frozen.Doubt;
        }

        if (doubtOfPause is not null)
        {
            return doubtOfPause;
        }

        return before.IsActive == Domain.IsActive && before.IsPaused == Domain.IsPaused
            ? null
            : $"the domain was {before.State} when the run began and {Domain.State} when it ended";
    }
}
