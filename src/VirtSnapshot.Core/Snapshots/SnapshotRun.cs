using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Methods;
using VirtSnapshot.Native;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// One set's way: journal, prepare, freeze, take, thaw, complete, record. On any failure it is undone in reverse order, and
/// what cannot be undone stays in the journal for <see cref="RepairPlan"/>.
/// </summary>
internal sealed class SnapshotRun(
    DomainSession session,
    QuiesceOptions quiescing,
    SetActs acts,
    IRunReporter reporter)
{
    private readonly List<string> warnings = [];
    private readonly VmDomain before = session.Domain;
    private readonly SetFolder folder = new(session.Host, acts.Set);
    private IReadOnlyList<KeptCopy> kept = [];
    private bool mayHaveTaken;
    private ISnapshotSteps? lastAct;
    private string? doubtOfStandstill;

    private VmDomain Domain => session.Domain;

    private bool MustPauseVcpus => before is { IsActive: true, IsPaused: false } && acts.NeedVcpuPause;

    private string UnfrozenConsistency => MustPauseVcpus ? "of a guest that stood still, but was not frozen" : "crash-consistent";

    private IReadOnlyList<JournalEntry> Entries =>
    [
        .. acts.Disks.Select(disk => new JournalEntry(acts.Set.Group, acts.Set.Name, disk.Record)),
        .. acts.TemporaryOverlays.Select(disk => new JournalEntry(acts.Set.Group, acts.Set.Name, disk.Record, IsShield: true)),
    ];

    public IReadOnlyList<DiskSnapshot> Run(CancellationToken cancellation)
    {
        var createdAt = session.Engine.Now;
        using var freezer = ReadyFreezer(cancellation);
        try
        {
            session.Journal(RunOperation.Snapshot, createdAt, Entries, freezes: freezer is not null);
            session.Engine.Reached(RunStep.Journaled);
            kept = folder.Fill(session, reporter);
            foreach (var act in acts.All)
            {
                act.Prepare(cancellation);
            }

            session.Engine.Reached(RunStep.Prepared);
            var frozen = TakeAll(freezer, cancellation);
            session.Engine.Reached(RunStep.Thawed);
            session.Reread();
            RefuseSaved();
            RefuseIncomplete();
            foreach (var act in acts.Within)
            {
                act.Complete(Domain);
            }

            TakeShielded();
            var set = Record(createdAt, frozen, freezer);
            Finish();
            List<DiskSnapshot> snapshots = [.. set.Disks.Select(disk => Describe(set, disk))];
            warnings.AddRange(snapshots.Select(CowSpace.FindWarning).OfType<string>());
            return snapshots;
        }
        catch (Exception e)
        {
            var leftover = Undo(e);
            if (e is OperationCanceledException && leftover is null)
            {
                throw;
            }

            throw Explain(e, leftover);
        }
        finally
        {
            warnings.ForEach(reporter.Warning);
        }
    }

    /// <summary>Null where nothing is to be frozen. Starts the guard, so that it gets ready while we prepare.</summary>
    private Freezer? ReadyFreezer(CancellationToken cancellation)
    {
        if (!Domain.IsActive || Domain.IsPaused || quiescing.Quiescence == Quiescence.None)
        {
            return null;
        }

        try
        {
            return Freezer.Ready(session.Native, Domain, session.Host, session.Engine.Guards, quiescing, cancellation);
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

    private FreezeOutcome? TakeAll(Freezer? freezer, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        try
        {
            return TakeFrozen(freezer, cancellation);
        }
        catch (Exception e) when (e is not (VirtSnapshotException or LibvirtException)
            && !(e is OperationCanceledException && cancellation.IsCancellationRequested))
        {
            throw WindowFailure.Explain(e, Domain);
        }
    }

    private FreezeOutcome? TakeFrozen(Freezer? freezer, CancellationToken cancellation)
    {
        try
        {
            if (freezer is not null)
            {
                freezer.WaitForGuard();
                return freezer.Around(() => Take(guestWaits: true), TakeAfterAll, cancellation);
            }
        }
        catch (QuiesceUnavailableException e)
        {
            GoOnUnfrozen(e);
        }

        TakeUnfrozen();
        return null;

        void TakeAfterAll(string reason)
        {
            warnings.Add($"{reason} The snapshot is {UnfrozenConsistency}.");
            TakeUnfrozen();
        }
    }

    private void TakeUnfrozen()
    {
        if (MustPauseVcpus)
        {
            doubtOfStandstill = new VcpuPause(session.Native, Domain, session.Host, session.Engine.Guards, quiescing).Around(() => Take(guestWaits: true));
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

        warnings.Add($"The snapshot of domain '{Domain.Name}' is {UnfrozenConsistency}: {why.Message}.");
    }

    private void Take(bool guestWaits)
    {
        session.Engine.Reached(RunStep.Frozen);

        // From here on undoing asks what is there, over a new connection: any call may have lost the old one.
        mayHaveTaken = true;
        RefuseSaved();
        foreach (var act in acts.Within)
        {
            lastAct = act;
            try
            {
                act.Take();
            }
            catch (LateCallException late) when (!guestWaits)
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

    /// <summary>After a late call the guest was no longer frozen, so what was to be taken after it was not taken.</summary>
    private void RefuseIncomplete()
    {
        if (lastAct != acts.Within[^1])
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "DomainJobRunning",
                Domain,
                $"Another job held the lock of domain '{Domain.Name}' for so long that the guest was thawed before all disks were snapshotted.");
        }
    }

    /// <summary>What lies under the shield stands still, and the guest goes on.</summary>
    private void TakeShielded()
    {
        foreach (var act in acts.After)
        {
            act.Take();
            act.Complete(Domain);
        }

        if (acts.After.Count > 0)
        {
            session.Engine.Reached(RunStep.ShieldedTaken);
        }
    }

    /// <summary>What comes after the set is recorded must not make it fail.</summary>
    private DiskSnapshot Describe(SnapshotSet set, SetDisk disk)
    {
        var record = disk.Record;
        var snapshot = DiskSnapshot.From(Domain, set, disk, SnapshotState.Available);
        if (!MethodOf(record).Traits.HasCowSpace)
        {
            return snapshot;
        }

        try
        {
            // The temporary overlay that was just merged back may have filled it.
            var found = MethodOf(record).Inspect(session.ToRequest(), record);
            if (found.State != SnapshotState.Available)
            {
                warnings.Add($"The snapshot of disk '{record.Target}' of domain '{Domain.Name}' was taken, but its COW space is full, and it is "
                    + $"{found.State}: remove it, and take another with more space.");
            }

            return snapshot with { State = found.State, FillPercent = found.UsagePercent };
        }
        catch (VirtSnapshotException e)
        {
            warnings.Add($"The snapshot of disk '{record.Target}' of domain '{Domain.Name}' is taken, but the usage of its COW space cannot be read: {e.Message}");
            return snapshot;
        }
    }

    private SnapshotMethod MethodOf(SnapshotRecord record) => session.Engine.Methods.Find(record.Method, Domain);

    private SnapshotSet Record(DateTimeOffset createdAt, FreezeOutcome? frozen, Freezer? freezer)
    {
        if (WhyInDoubt(frozen) is { } doubt)
        {
            if (quiescing.Quiescence == Quiescence.Required)
            {
                throw new VirtSnapshotException(
                    FailureKind.InvalidResult, "FreezeNotHeld", Domain, $"The snapshot of domain '{Domain.Name}' is not quiesced: {doubt}.");
            }

            warnings.Add($"The snapshot of domain '{Domain.Name}' is crash-consistent: {doubt}.");
        }

        var set = new SnapshotSet(
            acts.Set.Group,
            acts.Set.Name,
            createdAt,
            frozen?.Window,
            [.. acts.Disks.Select(disk => new SetDisk(disk.Record, ConsistencyOf(disk, frozen, freezer), MethodOf(disk.Record).Traits.ChangesDisk))])
        {
            Identity = acts.Set,
            Kept = kept,
            Definition = folder.Definition,
        };
        SnapshotCatalog.Write(session.Native, Domain, set);
        session.Engine.Reached(RunStep.Recorded);
        return set;
    }

    /// <summary>The set is recorded: whatever happens now, nothing is undone any more.</summary>
    private void Finish()
    {
        try
        {
            if (JournaledRemoval.DropShields(session, reporter, Entries, CancellationToken.None) is { } kept)
            {
                warnings.Add($"The set is taken and recorded, but the overlay that shielded domain '{Domain.Name}' is still in use ({kept}). Run Repair-DiskSnapshot.");
            }
        }
        catch (Exception e) when (e is LibvirtException or VirtSnapshotException)
        {
            warnings.Add($"The set is taken and recorded, but the journal of domain '{Domain.Name}' could not be cleared ({e.Message}). Run Repair-DiskSnapshot.");
        }
    }

    private Consistency ConsistencyOf(PlannedSnapshot planned, FreezeOutcome? frozen, Freezer? freezer)
    {
        if (WhyInDoubt(frozen) is not null)
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

    /// <summary>Why the set cannot promise what was planned: the freeze was not held, or the domain changed its state under us.</summary>
    private string? WhyInDoubt(FreezeOutcome? frozen)
    {
        if (frozen is not null)
        {
            return frozen.Doubt;
        }

        if (doubtOfStandstill is not null)
        {
            return doubtOfStandstill;
        }

        return before.IsActive == Domain.IsActive && before.IsPaused == Domain.IsPaused
            ? null
            : $"the domain was {before.State} when the run began and {Domain.State} when it ended";
    }

    /// <returns>What could not be undone; null when everything is as before.</returns>
    private string? Undo(Exception error)
    {
        try
        {
            if (!mayHaveTaken)
            {
                foreach (var act in acts.All)
                {
                    act.Abandon();
                }
            }

            if (error is OperationCanceledException)
            {
                // Perhaps while a freeze was under way.
                session.UseAnotherConnection();
            }

            session.Reconnect();
            if (DomainSession.FindSavedMemory(session.Native, Domain, "The journal is kept.") is { } saved)
            {
                return saved.Message.TrimEnd('.');
            }

            if (mayHaveTaken)
            {
                return JournaledRemoval.Undo(session, reporter, Entries, CancellationToken.None) is [var leftover, ..] ? leftover : null;
            }

            DeleteFolder();
            RunJournal.Clear(session.Native, Domain);
            return null;
        }
        catch (Exception e)
        {
            // Whatever it is: the journal stays, and repairing can be tried again.
            return e.Message;
        }
    }

    private void DeleteFolder()
    {
        if (folder.Delete() is { } leftover && kept.Count > 0)
        {
            warnings.Add($"Of the snapshot of domain '{Domain.Name}', {leftover}.");
        }
    }

    private VirtSnapshotException Explain(Exception error, string? leftover)
    {
        var outcome = leftover is null
            ? "Everything was undone."
            : $"It could not be undone yet ({leftover}): run 'Repair-DiskSnapshot {Domain.Name}'.";
        return error switch
        {
            VirtSnapshotException known => new VirtSnapshotException(known.Kind, known.ErrorId, known.TargetObject, $"{known.Message} {outcome}", known),
            LibvirtException libvirt => LibvirtFailure.Explain(libvirt, Domain, $"taking the snapshot of domain '{Domain.Name}'", outcome),
            OperationCanceledException => new VirtSnapshotException(
                FailureKind.OperationStopped, "SnapshotStopped", Domain, $"The snapshot of domain '{Domain.Name}' was stopped. {outcome}", error),
            _ => new VirtSnapshotException(
                FailureKind.NotSpecified, "HostFailure", Domain, $"The snapshot of domain '{Domain.Name}' failed: {error.Message}. {outcome}", error),
        };
    }
}
