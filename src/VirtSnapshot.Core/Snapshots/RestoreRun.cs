using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// The steps of a restore: journal, prepare all disks, switch all, rewrite the catalog, and then delete the old images. Until all
/// are switched it is undone after any failure or crash; from then on it is completed.
/// </summary>
/// <param name="session">The domain.</param>
/// <param name="entries">The disks.</param>
/// <param name="states">What is restored beside them.</param>
/// <param name="reporter">Receives warnings about what could not be cleaned up.</param>
internal sealed class RestoreRun(DomainSession session, IReadOnlyList<JournalEntry> entries, GuestStateRestoration states, IRunReporter reporter)
{
    private readonly DateTimeOffset startedAt = session.Engine.Now;

    /// <summary>Whether a repair completes a run that died, instead of undoing it: it is irreversible, or only the clean-up is missing.</summary>
    public static bool IsToBeFinished(DomainSession session, RunOperation reached, IReadOnlyList<JournalEntry> entries)
    {
        if (reached == RunOperation.RestoreEnding)
        {
            return true;
        }

        var disks = Resume(session, entries);
        return disks.All(disk => disk.IsSwitched()) || disks.Any(disk => disk.IsIrreversible());
    }

    /// <exception cref="VirtSnapshotException">It failed; the message says whether it was undone.</exception>
    public void Run(IReadOnlyList<IDiskRestoration> disks, CancellationToken cancellation)
    {
        var operation = new Operation(session, "restoring", "RestoreStopped", "Everything was undone, and the disks are as they were.");
        operation.Run(
        [
            operation.Journal(RunStep.RestoreJournaled, () => Journal(RunOperation.Restore)),
            new OperationStep(RunStep.DisksSwitched, () => SwitchAll(disks, cancellation), error =>
            {
                operation.Reconnect(error);
                return UndoDisks() is { Count: > 0 } kept ? string.Join("; ", kept) : null;
            }),
        ]);

        var kept = DomainSession.Guarded(session.Domain, "ending the restore", Finish, "All disks are restored. Run Repair-DiskSnapshot to finish the rest.");
        if (kept.Count > 0)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "RestoreUnfinished",
                session.Domain,
                $"The disks of domain '{session.Domain.Name}' are restored, but not all old images could be cleaned up: {string.Join("; ", kept)}. "
                + $"Fix the cause, then run 'Repair-DiskSnapshot {session.Domain.Name}'.");
        }
    }

    /// <summary>Completes or undoes a run that died.</summary>
    /// <param name="reached">The progress recorded in the journal.</param>
    /// <param name="finish">Whether to the end.</param>
    /// <param name="cancellation">Stops while nothing is switched yet.</param>
    public RepairResult Repair(RunOperation reached, bool finish, CancellationToken cancellation)
    {
        List<string> kept;
        if (reached == RunOperation.RestoreEnding)
        {
            // All were switched, and the proof may be deleted already. The guest may have written since: no disk is switched again.
            kept = Finish();
        }
        else if (finish)
        {
            // Reversible restores were switched first, so mostly nothing remains here.
            List<IDiskRestoration> remaining = [.. Resume(session, entries).Where(disk => !disk.IsSwitched())];
            remaining.ForEach(disk => disk.Recheck());
            SwitchAll(remaining, cancellation);
            kept = Finish();
        }
        else
        {
            kept = Undo();
        }

        var action = kept.Count > 0 ? RepairAction.Incomplete : finish ? RepairAction.Finished : RepairAction.Undone;
        return new RepairResult(
            session.Domain.Name,
            action,
            kept.Count > 0
                ? kept
                :
                [
                    .. entries.Where(entry => !entry.IsLost).Select(entry => finish
                        ? $"Disk '{entry.Record.Target}': restored to snapshot '{entry.Name}'."
                        : $"Disk '{entry.Record.Target}': as it was before it was to be restored to snapshot '{entry.Name}'."),
                ],
            session.Domain.Uri);
    }

    /// <summary>One disk's restore, as the journal has it.</summary>
    /// <exception cref="FormatException">The journal is incomplete.</exception>
    /// <exception cref="VirtSnapshotException">As before, or the method is not known here.</exception>
    public static IDiskRestoration Resume(DomainSession session, JournalEntry entry, IEnumerable<JournalEntry> entries) =>
        session.Engine.Methods.Find(entry.Record.Method, session.Domain).ResumeRestoration(
            session.ToRequest(),
            new RestoreRecord(
                entry.Group,
                entry.Record,
                entry.Becomes,
                [.. entries.Where(lost => lost.IsLost && lost.Record.Target == entry.Record.Target).Select(lost => lost.Record)]));

    private static List<IDiskRestoration> Resume(DomainSession session, IReadOnlyList<JournalEntry> entries) =>
        [.. entries.Where(entry => !entry.IsLost).Select(entry => Resume(session, entry, entries))];

    private void SwitchAll(IReadOnlyList<IDiskRestoration> disks, CancellationToken cancellation)
    {
        foreach (var disk in disks)
        {
            cancellation.ThrowIfCancellationRequested();
            disk.Prepare(cancellation);
        }

        session.Engine.Reached(RunStep.RestorePrepared);
        cancellation.ThrowIfCancellationRequested();
        RefuseStarted();
        foreach (var disk in disks)
        {
            disk.Recheck();
        }

        // First, because it can be undone: where all disks are switched, so is this.
        states.Switch();
        foreach (var disk in disks.OrderBy(disk => disk.IsFinal))
        {
            disk.Switch();
            session.Engine.Reached(RunStep.DiskSwitched);
        }

        // A start after the last switch uses the restored disks, which is correct.
        session.Reread();
        if (session.Domain.IsActive && !disks.All(disk => disk.IsSwitched()))
        {
            throw Started();
        }
    }

    /// <summary>The lock does not prevent other tools from starting the domain.</summary>
    private void RefuseStarted()
    {
        session.Reread();
        if (session.Domain.IsActive)
        {
            throw Started();
        }
    }

    private VirtSnapshotException Started() => new(
        FailureKind.ResourceBusy,
        "DomainStarted",
        session.Domain,
        $"Domain '{session.Domain.Name}' was started while its disks were being restored.");

    /// <returns>What could not be cleaned up, and why.</returns>
    private List<string> Finish()
    {
        session.Reconnect();
        Journal(RunOperation.RestoreEnding);
        session.Engine.Reached(RunStep.AllSwitched);
        var before = SnapshotCatalog.Read(session.Domain);
        SnapshotCatalog.Restore(session.Native, session.Domain, entries);
        session.Engine.Reached(RunStep.CatalogRewritten);
        session.Reread();
        List<string> kept = [.. Resume(session, entries).Select(disk => disk.Discard()).OfType<string>(), .. states.Discard()];
        DeleteFolders(before);
        session.Engine.Reached(RunStep.Discarded);
        if (kept.Count == 0)
        {
            RunJournal.Clear(session.Native, session.Domain);
        }

        return kept;
    }

    /// <summary>Of a run that has died.</summary>
    /// <returns>What could not be cleaned up, and why.</returns>
    private List<string> Undo()
    {
        session.Reconnect();
        var kept = UndoDisks();
        if (kept.Count == 0)
        {
            RunJournal.Clear(session.Native, session.Domain);
        }

        return kept;
    }

    private List<string> UndoDisks()
    {
        var disks = Resume(session, entries);
        if (disks.Find(disk => disk.IsIrreversible()) is { } final)
        {
            return [$"restoring disk '{final.Disk.Record.Target}' cannot be undone, so the other disks must be restored too"];
        }

        disks.Reverse();
        return [.. disks.Select(disk => disk.Undo()).OfType<string>(), .. states.Undo()];
    }

    /// <summary>Deletes the folder of each set whose last record is removed.</summary>
    private void DeleteFolders(IReadOnlyList<SnapshotSet> before)
    {
        var recorded = SnapshotCatalog.Read(session.Domain).Select(set => set.Group).ToHashSet();
        foreach (var gone in entries.Select(entry => entry.Record.Set!).DistinctBy(set => set.Group).Where(set => !recorded.Contains(set.Group)))
        {
            if (new SetFolder(session.Host, gone).Delete() is { } problem && before.Any(set => set.Group == gone.Group && set.Kept.Count > 0))
            {
                reporter.Warning($"Of snapshot '{gone.Name}' of domain '{session.Domain.Name}', {problem}.");
            }
        }
    }

    private void Journal(RunOperation operation) => session.Journal(operation, startedAt, entries, states: states.States);
}
