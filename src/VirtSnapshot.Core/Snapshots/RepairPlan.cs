using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// Finds a run that died, and completes or undoes it. Acts only where the domain's lock is free, and only on objects that the
/// journal names. Holds the lock until it is disposed.
/// </summary>
public sealed class RepairPlan : IDisposable
{
    private readonly DomainSession session;
    private readonly VmDomain? stored;
    private readonly RunJournal journal;
    private readonly IReadOnlyList<(SnapshotName Name, SnapshotRecord Record)> hidden = [];
    private readonly IReadOnlyList<(SnapshotMethod Provider, IRecovery Recovery)> parts;
    private readonly IReadOnlyList<JournalEntry> proven;
    private readonly IReadOnlyList<string> unfit;
    private readonly IRunReporter reporter;
    private readonly bool finishesRestore;
    private readonly RedefinitionRepair? redefinition;
    private readonly VirtSnapshotException? refusal;

    /// <summary>Where no run has died, and snapshots cannot be read.</summary>
    private RepairPlan(DomainSession session, IReadOnlyList<(SnapshotName Name, SnapshotRecord Record)> hidden, IRunReporter reporter)
    {
        this.session = session;
        this.hidden = hidden;
        this.reporter = reporter;
        journal = new RunJournal(RunOperation.Snapshot, session.Engine.Now, []);
        (proven, unfit, parts) = ([], [], []);
    }

    /// <summary>Where no run has died, and the domain was defined again from an old XML.</summary>
    private RepairPlan(DomainSession session, RedefinitionRepair redefinition, IRunReporter reporter)
        : this(session, [], reporter) => this.redefinition = redefinition;

    /// <summary>Where a damaged record prevents the repair, but a run that died has left the guest frozen.</summary>
    private RepairPlan(DomainSession session, RunJournal journal, VirtSnapshotException refusal, IRunReporter reporter)
        : this(session, [], reporter) => (this.journal, this.refusal) = (journal, refusal);

    private RepairPlan(DomainSession session, VmDomain? stored, RunJournal journal, IRunReporter reporter)
    {
        this.session = session;
        this.stored = stored;
        this.journal = journal;
        this.reporter = reporter;
        (proven, unfit) = Prove();
        if (IsRestore)
        {
            parts = [];
            finishesRestore = unfit.Count == 0 && RestoreRun.IsToBeFinished(session, journal.Operation, proven);
            return;
        }

        parts =
        [
            .. proven.Select(entry => entry.Record).GroupBy(record => record.Method).Select(part =>
            {
                var provider = session.Engine.Methods.Find(part.Key, session.Domain);
                return (provider, provider.PlanRecovery(session.ToRequest(), [.. part]));
            }),
        ];
    }

    /// <summary>What would be done, in words.</summary>
    public string Description => refusal is not null ? "thaw the guest, which a run that died has left frozen"
        : redefinition is not null ? redefinition.Description : IsForeign
        ? "take out the journal of another domain, of which this one may be a clone; nothing else is touched"
        : hidden.Count > 0
        ? $"make readable again {string.Join(", ", hidden.Select(found => $"snapshot '{found.Name}' of disk '{found.Record.Target}'"))}"
        : journal.Operation == RunOperation.Removal
        ? $"finish removing {string.Join(", ", journal.Entries.Select(entry => $"snapshot '{entry.Name}' of disk '{entry.Record.Target}'"))}"
        : IsRestore
            ? $"{(finishesRestore ? "finish" : "undo")} restoring snapshot '{journal.Entries[0].Name}' of "
                + $"{string.Join(", ", journal.Entries.Where(entry => !entry.IsLost).Select(entry => entry.Record.Target))}"
        : Recorded is not null
            ? "clear the journal of a snapshot that is taken and recorded"
            : Taken.Count > 0 && !IsWhole
                ? $"undo the snapshot '{journal.Entries[0].Name}', of which not all disks can be recorded: merge back "
                    + string.Join(", ", Taken.Select(record => record.Target))
                    + $"{(Incomplete.Count > 0 ? $", and delete {string.Join(", ", Incomplete)}" : "")}"
            : Taken.Count > 0
                ? $"record the snapshot '{journal.Entries[0].Name}' of {string.Join(", ", Taken.Select(record => record.Target))} as crash-consistent"
                : $"undo the snapshot '{journal.Entries[0].Name}' that was not "
                    + $"taken{(Incomplete.Count > 0 ? $", and delete {string.Join(", ", Incomplete)}" : "")}";

    /// <summary>Whether the only finding is a journal of another domain.</summary>
    private bool IsForeign => hidden.Count == 0 && journal.Entries.Count == 0;

    private bool IsRestore => journal.Operation is RunOperation.Restore or RunOperation.RestoreEnding;

    /// <summary>The taken snapshots that will be recorded, without temporary overlays.</summary>
    private IReadOnlyList<SnapshotRecord> Taken =>
        [.. parts.SelectMany(part => part.Recovery.Taken).Where(record => !proven.Any(entry => entry.IsTemporaryOverlay && entry.Record == record))];

    /// <summary>
    /// Whether all that is to be recorded was taken: a set is all of its disks, or none. Methods whose snapshots may have been taken after the freeze had ended
    /// name none.
    /// </summary>
    private bool IsWhole => unfit.Count == 0 && Taken.Count == proven.Count(entry => !entry.IsTemporaryOverlay);

    private IReadOnlyList<string> Incomplete => [.. parts.SelectMany(part => part.Recovery.Incomplete)];

    /// <summary>The copies of firmware state and definition of the run's set. The journal's entries are verified to be the domain's.</summary>
    private SetFolder Folder => new(session.Host, journal.Entries[0].Record.Set!);

    /// <summary>The set as it is recorded in any definition; null where it is in none.</summary>
    private SnapshotSet? Recorded => new[] { session.Domain, stored }
        .OfType<VmDomain>()
        .SelectMany(SnapshotCatalog.Read)
        .FirstOrDefault(set => set.Group == journal.Entries[0].Group);

    /// <inheritdoc cref="SnapshotEngine.PlanRepair"/>
    internal static RepairPlan? Make(
        SnapshotEngine engine, VmDomain domain, DetachedOverlay? detached, IRunReporter reporter, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(domain);
        ArgumentNullException.ThrowIfNull(reporter);
        if (!HasAnything(engine, domain, reporter, cancellation))
        {
            // Without anything to repair no lock is needed; without records, no access to the host.
            return null;
        }

        var session = DomainSession.Open(engine, domain, cancellation);
        try
        {
            return DomainSession.Guarded(domain, "looking for an unfinished run", () =>
            {
                // A crash while the domain was being started may have changed only one of its definitions.
                var stored = DomainSession.ReadStored(session.Native, session.Domain);
                if ((RunJournal.Read(session.Domain) ?? (stored is null ? null : RunJournal.Read(stored))) is { Entries.Count: > 0 } journal)
                {
                    journal.RefuseOthers(domain);
                    if (journal.FindDamaged(session.Domain, stored) is { } damaged)
                    {
                        return journal.Freezes && AgentQuery.IsFrozen(session.Native, session.Domain)
                            ? new RepairPlan(session, journal, damaged, reporter)
                            : throw damaged;
                    }

                    RefuseJob(session, journal, cancellation);
                    if (journal.Operation == RunOperation.Snapshot && PausedGuest.FindWarningAfterDeath(session.Domain) is { } paused)
                    {
                        reporter.Warning(paused);
                    }

                    return new RepairPlan(session, stored, journal, reporter);
                }

                if (RunJournal.IsForeign(session.Domain) || (stored is not null && RunJournal.IsForeign(stored)))
                {
                    DomainJobs.Refuse(session.Native, session.Domain, cancellation);
                    return new RepairPlan(session, [], reporter);
                }

                if (RedefinitionRepair.Plan(session, detached, reporter) is { } redefinition)
                {
                    return new RepairPlan(session, redefinition, reporter);
                }

                if (HiddenSnapshots.Find(engine.Methods, session.ToRequest()) is { Count: > 0 } hidden)
                {
                    return new RepairPlan(session, hidden, reporter);
                }

                session.Dispose();
                return null;
            });
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Runs the repair.</summary>
    /// <exception cref="VirtSnapshotException">libvirt failed; the journal stays, and repairing can be repeated.</exception>
    public RepairResult Run(CancellationToken cancellation) => DomainSession.Guarded(
        session.Domain,
        "repairing",
        () => refusal is not null
            ? ThawAndRefuse(refusal)
            : redefinition is not null
            ? redefinition.Run()
            : IsForeign
            ? Forget()
            : hidden.Count > 0
            ? HiddenSnapshots.Expose(session.Engine.Methods, session.ToRequest(), hidden)
            : IsRestore
            ? FinishRestore(cancellation)
            : journal.Operation == RunOperation.Removal ? FinishRemoval(cancellation) : FinishSnapshot(cancellation),
        "No data is lost. Run Repair-DiskSnapshot again.");

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();

    /// <summary>A guest that is still frozen is thawed first, also while a job runs.</summary>
    private static void RefuseJob(DomainSession session, RunJournal journal, CancellationToken cancellation)
    {
        if (!journal.Freezes || !AgentQuery.IsFrozen(session.Native, session.Domain))
        {
            DomainJobs.Refuse(session.Native, session.Domain, cancellation);
        }
    }

    /// <summary>No record keeps a guest frozen.</summary>
    private RepairResult ThawAndRefuse(VirtSnapshotException error)
    {
        AgentQuery.ThawIfFrozen(session.Native, session.Domain);
        throw error;
    }

    /// <summary>A journal, or a snapshot that cannot be read.</summary>
    private static bool HasAnything(SnapshotEngine engine, VmDomain domain, IRunReporter reporter, CancellationToken cancellation)
    {
        return DomainSession.Guarded(domain, "looking for an unfinished run", Look);

        bool Look()
        {
            using var native = DomainFinder.Open(domain, cancellation);
            var now = DomainReader.Read(native);
            if (PausedGuest.FindWarning(now) is { } paused)
            {
                reporter.Warning(paused);
            }

            foreach (var damaged in SnapshotCatalog.ReadDamaged(now))
            {
                reporter.Warning(damaged.Warning);
            }

            if (HasJournal(now) || (DomainSession.ReadStored(native, now) is { } stored && HasJournal(stored)))
            {
                return true;
            }

            var request = new MethodRequest(native, now, HostFinder.For(native.Connection, now));
            return RedefinitionRepair.IsNeeded(engine.Methods, request)
                || (SnapshotCatalog.Read(now).Count > 0 && HiddenSnapshots.Find(engine.Methods, request).Count > 0);
        }
    }

    private static bool HasJournal(VmDomain domain) => RunJournal.Read(domain) is not null || RunJournal.IsForeign(domain);

    /// <summary>
    /// The entries that are proven to be this domain's, and why the others are not. The others stay in the journal: unless they are forged, only it names
    /// how far the run came.
    /// </summary>
    private (IReadOnlyList<JournalEntry> Proven, IReadOnlyList<string> Unfit) Prove()
    {
        var request = session.ToRequest();
        var entries = new List<JournalEntry>();
        var reasons = new List<string>();
        using var ahead = RecordProof.ReadAhead(request, [.. journal.Entries.Select(entry => entry.Record)]);
        foreach (var entry in journal.Entries)
        {
            try
            {
                var restored = journal.Entries.FirstOrDefault(other => !other.IsLost && other.Record.Target == entry.Record.Target)?.Record;
                var proven = RecordProof.Verify(session.Engine.Methods, request, entry, restored);
                if (IsRestore && !entry.IsLost)
                {
                    if (proven.Record.Source.Path is null)
                    {
                        throw proven.Record.ToForeign(session.Domain, "the domain does not have that disk, or its image is unknown");
                    }

                    _ = RestoreRun.Resume(session, proven, []);
                }

                entries.Add(proven);
            }
            catch (Exception e) when (e is VirtSnapshotException or FormatException)
            {
                var why = e is VirtSnapshotException { ErrorId: "SnapshotForeign", InnerException: { } inner } ? $"the journal does not fit this "
                    + $"domain ({inner.Message})" : e.Message;
                reasons.Add($"Disk '{entry.Record.Target}': nothing was touched: {why.TrimEnd('.')}. If nothing of that run is left, 'virsh metadata "
                    + $"{session.Domain.Name} {MetadataUri.Journal} --remove' ends it.");
            }
        }

        if (IsRestore && GuestStateRestoration.WhyNotOf(session.Domain, journal.States) is { } other)
        {
            reasons.Add($"Nothing was touched: {other}. Put that back with 'virsh edit {session.Domain.Name}' first.");
        }

        return (entries, reasons);
    }

    private RepairResult Result(RepairAction action, IReadOnlyList<string> details) => new(session.Domain.Name, action, details, session.Domain.Uri);

    private RepairResult Forget()
    {
        RunJournal.Clear(session.Native, session.Domain);
        return Result(RepairAction.Cleared, ["The journal of another domain was removed from the metadata. Nothing else was touched."]);
    }

    private RepairResult FinishRestore(CancellationToken cancellation)
    {
        if (unfit.Count > 0)
        {
            return Result(RepairAction.Incomplete, unfit);
        }

        var states = new GuestStateRestoration(session, proven.First(entry => !entry.IsLost).Record.Set!, journal.States);
        return new RestoreRun(session, proven, states, reporter).Repair(journal.Operation, finishesRestore, cancellation);
    }

    private RepairResult FinishSnapshot(CancellationToken cancellation)
    {
        var thawed = new List<string>();
        if (journal.Freezes && AgentQuery.ThawIfFrozen(session.Native, session.Domain))
        {
            thawed.Add("The guest was still frozen by that run, and is thawed.");
            DomainJobs.Refuse(session.Native, session.Domain, cancellation);
        }

        var details = thawed.ToList();
        var action = RepairAction.Undone;
        if (Recorded is { } recorded)
        {
            SnapshotCatalog.Write(session.Native, session.Domain, recorded);
            action = RepairAction.Cleared;
        }
        else if (Taken.Count > 0 && !IsWhole)
        {
            return UndoPart(thawed, cancellation);
        }
        else if (Taken.Count > 0)
        {
            // It is unknown whether the freeze lasted until the act.
            SnapshotCatalog.Write(session.Native, session.Domain, new SnapshotSet(
                journal.Entries[0].Group,
                journal.Entries[0].Name,
                journal.StartedAt,
                null,
                [
                    .. Taken.Select(record => new SetDisk(
                        record, Consistency.CrashConsistent, session.Engine.Methods.Find(record.Method, session.Domain).Traits.ChangesDisk)),
                ])
            {
                Identity = journal.Entries[0].Record.Set,
                Kept = Folder.Adopt(),
            });
            details.AddRange(Taken.Select(record => $"Disk '{record.Target}': the snapshot is recorded, as crash-consistent."));
            action = RepairAction.Finished;
            session.Engine.Reached(RunStep.Recorded);
        }

        if (action != RepairAction.Cleared)
        {
            details.AddRange(Incomplete.Select(file => $"Deleted '{file}'."));
        }

        var kept = action == RepairAction.Cleared ? [] : parts.SelectMany(part => part.Recovery.CleanUp()).Concat(unfit).ToList();
        session.Engine.Reached(RunStep.Discarded);
        if (kept.Count > 0)
        {
            return Result(RepairAction.Incomplete, [.. thawed, .. kept]);
        }

        if (action == RepairAction.Undone && Folder.Delete() is { } problem)
        {
            reporter.Verbose($"Of the snapshot that was undone, {problem}.");
        }

        return JournaledRemoval.MergeTemporaryOverlays(session, reporter, proven, cancellation) is { } why
            ? Result(RepairAction.Incomplete, [.. thawed, why])
            : Result(action, details);
    }

    /// <summary>Undoes the set, as the run itself does when a part of it fails. Unproven entries are not undone: their objects may be in use.</summary>
    private RepairResult UndoPart(IReadOnlyList<string> thawed, CancellationToken cancellation)
    {
        string[] details =
        [
            .. Incomplete.Select(file => $"Deleted '{file}'."),
            .. Taken.Select(record => $"Disk '{record.Target}': what was taken is merged back."),
        ];
        var kept = unfit.Count > 0 ? unfit : JournaledRemoval.Undo(session, reporter, proven, cancellation);
        return kept.Count > 0 ? Result(RepairAction.Incomplete, [.. thawed, .. kept]) : Result(RepairAction.Undone, [.. thawed, .. details]);
    }

    private RepairResult FinishRemoval(CancellationToken cancellation)
    {
        var results = journal.Entries
            .GroupBy(entry => entry.Record.Method)
            .SelectMany(part => new JournaledRemoval(session, reporter)
                .Run(session.Engine.Methods.Find(part.Key, session.Domain), [.. part], bandwidth: 0, cancellation))
            .ToList();
        return Result(
            results.Exists(disk => disk.Failure is not null) ? RepairAction.Incomplete : RepairAction.Finished,
            [.. results.Select(disk => disk.Failure?.Error.Message ?? $"Disk '{disk.Record.Target}': the snapshot is removed.")]);
    }
}
