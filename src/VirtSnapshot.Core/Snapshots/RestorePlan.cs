using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// Restores disks of a shut-off domain from one set: all requested disks, or none. Everything that can fail early
/// has been checked, and nothing has been touched. Holds the domain's lock until it is disposed.
/// </summary>
public sealed class RestorePlan : IDisposable
{
    private readonly DomainSession session;
    private readonly SnapshotSet set;
    private readonly IReadOnlyList<IDiskRestoration> restorations;
    private readonly IReadOnlyList<JournalEntry> entries;
    private readonly GuestStateRestoration states;
    private readonly IRunReporter reporter;

    private RestorePlan(
        DomainSession session, SnapshotSet set, IReadOnlyList<IDiskRestoration> restorations, GuestStateRestoration states, IRunReporter reporter)
    {
        this.states = states;
        this.reporter = reporter;
        this.session = session;
        this.set = set;
        this.restorations = restorations;
        entries = [.. restorations.SelectMany(restoration => Entries(restoration.Disk))];
        Disks =
        [
            .. restorations.Select(restoration => new DiskRestorePlan(
                session.Domain.FindDisk(restoration.Disk.Record.Target)!,
                restoration.Disk.Record.Method,
                restoration.Description,
                [.. restoration.Disk.Lost.Select(lost => $"{lost.Set!.Name}")],
                restoration.Disk.Becomes is null)),
        ];
    }

    /// <summary>The domain, as it is now.</summary>
    public VmDomain Domain => session.Domain;

    /// <summary>The snapshot's name.</summary>
    public SnapshotName Name => set.Name;

    /// <summary>What will be done to each disk.</summary>
    public IReadOnlyList<DiskRestorePlan> Disks { get; }

    /// <summary>What would be done, and what would be lost by it, in words.</summary>
    public string Description =>
        $"Restore domain '{Domain.Name}' to snapshot '{Name}' of {set.CreatedAt:u}. Everything that was written to these disks since is lost:\n  "
        + string.Join("\n  ", Disks.Select(disk => $"{disk}").Concat(states.States.Select(state =>
            $"Also restored: the {GuestState.NameOf(state.Part)} in '{state.Path}'")));

    /// <inheritdoc cref="SnapshotEngine.PlanRestore"/>
    internal static RestorePlan Make(
        SnapshotEngine engine,
        VmDomain domain,
        IReadOnlyList<DiskSnapshot> snapshots,
        bool includeFirmware,
        IRunReporter reporter,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(domain);
        ArgumentNullException.ThrowIfNull(snapshots);
        ArgumentNullException.ThrowIfNull(reporter);
        var session = DomainSession.Open(engine, domain, cancellation);
        try
        {
            return DomainSession.Guarded(domain, "planning to restore", () => Make(session, snapshots, includeFirmware, reporter));
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Restores the disks: all of them, or none.</summary>
    /// <param name="cancellation">Stops while nothing is switched yet; later, it is finished.</param>
    /// <returns>The snapshots as they are recorded now.</returns>
    /// <exception cref="VirtSnapshotException">It failed and was undone; if it could not be undone, the message says so.</exception>
    /// <exception cref="OperationCanceledException">It was stopped and undone.</exception>
    public IReadOnlyList<DiskSnapshot> Run(CancellationToken cancellation)
    {
        new RestoreRun(session, entries, states, reporter).Run(restorations, cancellation);
        session.Reread();
        return
        [
            .. SnapshotCatalog.Read(Domain).Where(found => found.Group == set.Group)
                .Select(found => SetFolder.WithDefinition(session.Host, Domain, found, _ => { }))
                .SelectMany(found => found.Disks, (found, disk) => DiskSnapshot.From(Domain, found, disk, SnapshotState.Available))
                .Where(snapshot => restorations.Any(restoration => restoration.Disk.Record.Target == snapshot.Disk)),
        ];
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();

    private static RestorePlan Make(DomainSession session, IReadOnlyList<DiskSnapshot> snapshots, bool includeFirmware, IRunReporter reporter)
    {
        var domain = session.Domain;
        if (RunJournal.Read(domain) is { } journal)
        {
            throw journal.ToFailure(domain);
        }

        if (domain.IsActive)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "DomainRunning",
                domain,
                $"Domain '{domain.Name}' is {(domain.IsPaused ? "paused" : "running")}, so its disks cannot be restored. Nothing was touched. Shut it off "
                + $"first ('virsh shutdown {domain.Name}').");
        }

        RefuseSeveralSets(domain, snapshots);
        var sets = SnapshotCatalog.Read(domain);
        var set = sets.FirstOrDefault(set => set.Group == snapshots[0].Group);
        foreach (var snapshot in snapshots)
        {
            SnapshotCatalog.RefuseDamaged(domain, snapshot.Disk, domain);
        }

        var request = session.ToRequest();
        using var ahead = RecordProof.ReadAhead(request, SnapshotCatalog.ReadDisks(domain));
        var disks = snapshots.DistinctBy(snapshot => snapshot.Disk).Select(snapshot => RecordProof.Verify(
            session.Engine.Methods,
            request,
            set?.Disks.FirstOrDefault(disk => disk.Record.Target == snapshot.Disk)?.Record ?? throw NotRecorded(domain, snapshot))).ToList();
        foreach (var disk in disks)
        {
            RefuseUnsound(session, set!, disk);
        }

        if (set!.Disks.Count > disks.Count)
        {
            reporter.Warning(
                $"Of snapshot '{set.Name}' of domain '{domain.Name}' only {string.Join(", ", disks.Select(disk => disk.Target))} is restored: "
                + $"{string.Join(", ", set.Disks.Select(disk => disk.Record.Target).Except(disks.Select(disk => disk.Target)))} is not restored and keeps "
                + "its current content.");
        }

        var recorded = RecordProof.Own(session.Engine.Methods, request, sets.SelectMany(other => other.Disks).Select(disk => disk.Record));
        var states = GuestStateRestoration.Plan(session, set, includeFirmware, reporter);
        IReadOnlyList<IDiskRestoration> restorations =
        [
            .. disks.GroupBy(disk => disk.Method).SelectMany(part => session.Engine.Methods.Find(part.Key, domain).PlanRestoration(
                new RestoreRequest(request, set.Identity!, [.. part], recorded))),
        ];
        return new RestorePlan(session, set, restorations, states, reporter);
    }

    private static void RefuseSeveralSets(VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots)
    {
        if (snapshots.DistinctBy(snapshot => snapshot.Group).ToList() is [var first, var second, ..])
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidArgument,
                "SeveralSets",
                domain,
                $"Domain '{domain.Name}' can be restored to only one snapshot, but '{first.Name}' of {first.CreatedAt:u} and '{second.Name}' of "
                + $"{second.CreatedAt:u} were given. "
                + "Nothing was touched. Choose one with -Name, or by 'Get-DiskSnapshot | Where-Object Group -EQ …'.");
        }
    }

    private static void RefuseUnsound(DomainSession session, SnapshotSet set, SnapshotRecord record)
    {
        var domain = session.Domain;
        if (domain.FindDisk(record.Target) is null)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "DiskNotFound",
                domain,
                $"Domain '{domain.Name}' has no disk '{record.Target}' any more, so it cannot be restored. Nothing was touched. Leave it out with -Disk, "
                + "or attach a disk of that target first.");
        }

        var state = session.Engine.Methods.Find(record.Method, domain).Inspect(session.ToRequest(), record).State;
        if (state != SnapshotState.Available)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SnapshotInvalid",
                domain,
                $"Snapshot '{set.Name}' of disk '{record.Target}' of domain '{domain.Name}' is {state}: the content of '{record.Source}' is not, or not "
                + "certainly, that of the snapshot. Nothing was touched.");
        }
    }

    private static VirtSnapshotException NotRecorded(VmDomain domain, DiskSnapshot snapshot) => snapshot.State == SnapshotState.Unknown
        ? new VirtSnapshotException(
            FailureKind.InvalidOperation,
            "SnapshotNotOurs",
            snapshot,
            $"The overlay of disk '{snapshot.Disk}' of domain '{domain.Name}' has no record, so the content of its base is unknown. Nothing was touched.")
        : new VirtSnapshotException(
            FailureKind.ObjectNotFound,
            "SnapshotNotFound",
            snapshot,
            $"Disk '{snapshot.Disk}' of domain '{domain.Name}' has no snapshot '{snapshot.Name}' of that set any more. Nothing was touched. "
            + $"'Get-DiskSnapshot {domain.Name}' lists the existing ones.");

    private IEnumerable<JournalEntry> Entries(RestoreRecord disk) =>
    [
        new JournalEntry(set.Group, set.Name, disk.Record, Becomes: disk.Becomes),
        .. disk.Lost.Select(lost => new JournalEntry(lost.Set!.Group, lost.Set.Name, lost, IsLost: true)),
    ];
}
