using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Native;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>Takes one set: journal, prepare, freeze, take, thaw, complete, record.</summary>
internal sealed class SnapshotRun(DomainSession session, QuiesceOptions quiescing, SetActs acts, IRunReporter reporter)
{
    // A slow terminal must not make the freeze longer.
    private readonly List<string> warnings = [];
    private readonly SetFolder folder = new(session.Host, acts.Set);
    private readonly DateTimeOffset createdAt = session.Engine.Now;
    private IReadOnlyList<KeptCopy> kept = [];

    private VmDomain Domain => session.Domain;

    private IReadOnlyList<JournalEntry> Entries =>
    [
        .. acts.Disks.Select(disk => new JournalEntry(acts.Set.Group, acts.Set.Name, disk.Record)),
        .. acts.TemporaryOverlays.Select(disk => new JournalEntry(acts.Set.Group, acts.Set.Name, disk.Record, IsTemporaryOverlay: true)),
    ];

    public IReadOnlyList<DiskSnapshot> Run(CancellationToken cancellation)
    {
        try
        {
            using var window = new SnapshotWindow(session, quiescing, acts, warnings.Add, cancellation);
            SnapshotSet? set = null;
            var operation = new Operation(session, "taking the snapshot of", "SnapshotStopped", "Everything was undone.");
            operation.Run(
            [
                operation.Journal(RunStep.Journaled, () => session.Journal(RunOperation.Snapshot, createdAt, Entries, window.Freezes)),
                new OperationStep(RunStep.Prepared, () => Prepare(cancellation), _ => Abandon(window)),
                new OperationStep(RunStep.Thawed, () => window.TakeAll(cancellation), error => TakeBack(operation, window, error)),
                new OperationStep(RunStep.Completed, () => Complete(window)),
                .. acts.After.Count > 0 ? [new OperationStep(RunStep.ShieldedTaken, TakeBehindTemporaryOverlays)] : Array.Empty<OperationStep>(),
                new OperationStep(RunStep.Recorded, () => set = Record(window)),
            ]);
            MergeTemporaryOverlays();
            List<DiskSnapshot> snapshots = [.. set!.Disks.Select(disk => Describe(set, disk))];
            warnings.AddRange(snapshots.Select(CowSpace.FindWarning).OfType<string>());
            return snapshots;
        }
        finally
        {
            warnings.ForEach(reporter.Warning);
        }
    }

    private void Prepare(CancellationToken cancellation)
    {
        kept = folder.Fill(session, reporter);
        foreach (var steps in acts.All)
        {
            steps.Prepare(cancellation);
        }
    }

    /// <summary>What may have been taken, is undone by <see cref="TakeBack"/> with all that was prepared.</summary>
    private string? Abandon(SnapshotWindow window)
    {
        if (!window.MayHaveTaken)
        {
            foreach (var steps in acts.All)
            {
                steps.Abandon();
            }

            if (folder.Delete() is { } problem && kept.Count > 0)
            {
                warnings.Add($"Of the snapshot of domain '{Domain.Name}', {problem}.");
            }
        }

        return null;
    }

    private string? TakeBack(Operation operation, SnapshotWindow window, Exception error)
    {
        if (!window.MayHaveTaken)
        {
            return null;
        }

        operation.Reconnect(error);
        return DomainSession.FindSavedMemory(session.Native, Domain, "The journal is kept.") is { } saved
            ? saved.Message.TrimEnd('.')
            : JournaledRemoval.Undo(session, reporter, Entries, CancellationToken.None) is [var remaining, ..] ? remaining : null;
    }

    private void Complete(SnapshotWindow window)
    {
        session.Reread();
        window.RefuseIncomplete();
        foreach (var steps in acts.Within)
        {
            steps.Complete(Domain);
        }
    }

    /// <summary>The images under the temporary overlays do not change, and the guest runs.</summary>
    private void TakeBehindTemporaryOverlays()
    {
        foreach (var steps in acts.After)
        {
            steps.Take();
            steps.Complete(Domain);
        }
    }

    private SnapshotSet Record(SnapshotWindow window)
    {
        window.ReportDoubt();
        var set = new SnapshotSet(
            acts.Set.Group,
            acts.Set.Name,
            createdAt,
            window.FreezeTime,
            [.. acts.Disks.Select(disk => new SetDisk(disk.Record, window.ConsistencyOf(disk), MethodOf(disk.Record).Traits.ChangesDisk))])
        {
            Identity = acts.Set,
            Kept = kept,
            Definition = folder.Definition,
        };
        SnapshotCatalog.Write(session.Native, Domain, set);
        return set;
    }

    /// <summary>The set is recorded: from now on errors do not undo it.</summary>
    private void MergeTemporaryOverlays()
    {
        try
        {
            if (JournaledRemoval.MergeTemporaryOverlays(session, reporter, Entries, CancellationToken.None) is { } remaining)
            {
                warnings.Add($"The set is taken and recorded, but a temporary overlay of domain '{Domain.Name}' is still in use ({remaining}). Run "
                    + "Repair-DiskSnapshot.");
            }
        }
        catch (Exception e) when (e is LibvirtException or VirtSnapshotException or IOException or UnauthorizedAccessException)
        {
            warnings.Add($"The set is taken and recorded, but the journal of domain '{Domain.Name}' could not be cleared ({e.Message}). Run "
                + "Repair-DiskSnapshot.");
        }
    }

    private SnapshotMethod MethodOf(SnapshotRecord record) => session.Engine.Methods.Find(record.Method, Domain);

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
                warnings.Add($"The snapshot of disk '{record.Target}' of domain '{Domain.Name}' was taken, but it is {found.State}"
                    + (found.State == SnapshotState.Invalid ? ", since its COW space is full: remove it, and take another with more space." : " now."));
            }

            return snapshot with { State = found.State, FillPercent = found.UsagePercent };
        }
        catch (VirtSnapshotException e)
        {
            warnings.Add($"The snapshot of disk '{record.Target}' of domain '{Domain.Name}' is taken, but the usage of its COW space cannot be read: "
                + $"{e.Message}");
            return snapshot;
        }
    }
}
