using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// Removes snapshots of one domain: disks in parallel, the snapshots of one disk one after the other, the oldest first, so that each
/// overlay's data is committed only once. Holds the domain's lock until it is disposed.
/// </summary>
public sealed class RemovalPlan : IDisposable
{
    private readonly DomainSession session;
    private readonly IReadOnlyList<DiskSnapshot> snapshots;
    private readonly IRunReporter reporter;

    private RemovalPlan(DomainSession session, IReadOnlyList<DiskSnapshot> snapshots, IRunReporter reporter)
    {
        this.session = session;
        this.snapshots = snapshots;
        this.reporter = reporter;
    }

    /// <inheritdoc cref="SnapshotEngine.PlanRemoval"/>
    internal static RemovalPlan Make(
        SnapshotEngine engine, VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots, IRunReporter reporter, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(domain);
        ArgumentNullException.ThrowIfNull(snapshots);
        ArgumentNullException.ThrowIfNull(reporter);
        var session = DomainSession.Open(engine, domain, cancellation);
        try
        {
            var begun = DomainSession.Guarded(domain, "planning to remove snapshots", () =>
            {
                DomainJobs.Refuse(session.Native, session.Domain, cancellation);
                return FindBegun(engine.Methods, session.ToRequest(), snapshots);
            });
            return new RemovalPlan(
                session,
                [
                    .. snapshots.DistinctBy(snapshot => (snapshot.Group, snapshot.Disk, IsUnnamed(snapshot) ? $"{snapshot.BackupSource}" : ""))
                        .OrderByDescending(snapshot => begun.Exists(entry => IsOf(entry, snapshot)))
                        .ThenBy(snapshot => snapshot.CreatedAt),
                ],
                reporter);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Removes them; what cannot be removed stays as it is, with its reason.</summary>
    /// <param name="options">How.</param>
    /// <param name="cancellation">Stops the removal; the domain works as before.</param>
    /// <exception cref="VirtSnapshotException">libvirt was lost between two merges.</exception>
    public IReadOnlyList<RemovalResult> Run(RemovalOptions options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var timeout = new CancellationTokenSource(options.Timeout ?? Timeout.InfiniteTimeSpan);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
        var results = new List<RemovalResult>();
        var remaining = snapshots.ToList();
        while (remaining.Count > 0)
        {
            var round = remaining.DistinctBy(snapshot => snapshot.Disk).ToList();
            remaining.RemoveAll(round.Contains);
            var outcome = DomainSession.Guarded(
                session.Domain,
                "removing snapshots",
                () => RunRound(round, options, either.Token),
                "No data is lost. Run Remove-DiskSnapshot or Repair-DiskSnapshot.");
            results.AddRange(outcome.Select(result => Name(result, timeout.IsCancellationRequested && !cancellation.IsCancellationRequested, options)));

            // The removal of a snapshot depends on those above it: after a failure the ones below are not removed.
            // Overlays of other tools are exempt: they are not removed.
            var failed = outcome.Where(result => result.Error is not null && !IsUnnamed(result.Snapshot))
                .ToDictionary(result => result.Snapshot.Disk, StringComparer.Ordinal);
            results.AddRange(remaining
                .Where(IsHeldBack)
                .Select(snapshot => new RemovalResult(snapshot, NotReached(snapshot, failed[snapshot.Disk].Snapshot))));
            remaining.RemoveAll(IsHeldBack);

            bool IsHeldBack(DiskSnapshot snapshot) => !IsUnnamed(snapshot) && failed.ContainsKey(snapshot.Disk);
        }

        // The last merge has read the domain again.
        var isRemoved = results.TrueForAll(result => result.Error is null);
        if ((isRemoved ? PausedGuest.FindWarningAfterRemoval(session.Domain) : PausedGuest.FindWarning(session.Domain)) is { } paused)
        {
            reporter.Warning(paused);
        }

        return results;
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();

    /// <summary>An overlay of another tool.</summary>
    private static bool IsUnnamed(DiskSnapshot snapshot) => snapshot.Group == Guid.Empty;

    /// <summary>A stopped removal can be resumed, and comes first; any other unfinished run needs a repair first.</summary>
    private static List<JournalEntry> FindBegun(MethodRegistry methods, MethodRequest request, IReadOnlyList<DiskSnapshot> snapshots)
    {
        if (RunJournal.Read(request.Domain) is not { } journal)
        {
            return [];
        }

        return journal.Operation == RunOperation.Removal
            && journal.Entries.All(entry =>
                snapshots.Any(snapshot => IsOf(entry, snapshot)) && RecordProof.WhyForeign(methods, request, entry.Record) is null)
            ? [.. journal.Entries]
            : throw journal.ToFailure(request.Domain);
    }

    private List<RemovalResult> RunRound(IReadOnlyList<DiskSnapshot> round, RemovalOptions options, CancellationToken cancellation)
    {
        session.Reread();
        var isDamaged = round.ToLookup(snapshot => snapshot.State == SnapshotState.Damaged);

        // First, since they keep the others from being removed.
        List<RemovalResult> results = [.. isDamaged[true].Select(snapshot => new RemovalResult(snapshot, DropDamaged(snapshot)))];
        var damaged = SnapshotCatalog.ReadDamaged(session.Domain);
        var entries = new List<(DiskSnapshot Snapshot, JournalEntry Entry)>();
        foreach (var snapshot in isDamaged[false])
        {
            if (damaged.FirstOrDefault(record => record.Concerns(snapshot.Disk)) is { } unreadable)
            {
                results.Add(new RemovalResult(snapshot, unreadable.ToFailure(snapshot)));
            }
            else if (snapshot.State != SnapshotState.Detached && TryForget(snapshot))
            {
                results.Add(new RemovalResult(snapshot, null));
            }
            else if (snapshot.State == SnapshotState.Detached)
            {
                results.Add(new RemovalResult(snapshot, Detached(snapshot)));
            }
            else if (FindRecord(snapshot) is { } entry)
            {
                if (WhyUnknown(entry) is { } unknown)
                {
                    results.Add(new RemovalResult(snapshot, unknown));
                }
                else
                {
                    entries.Add((snapshot, entry));
                }
            }
            else
            {
                results.Add(new RemovalResult(snapshot, NotRecorded(snapshot)));
            }
        }

        foreach (var part in entries.GroupBy(item => item.Entry.Record.Method))
        {
            var byTarget = part.ToDictionary(item => item.Entry.Record.Target, item => item, StringComparer.Ordinal);
            var removal = new JournaledRemoval(session, reporter);
            results.AddRange(removal
                .Run(session.Engine.Methods.Find(part.Key, session.Domain), [.. part.Select(item => item.Entry)], options.Bandwidth, cancellation)
                .Select(disk => new RemovalResult(byTarget[disk.Record.Target].Snapshot, disk.Failure?.Error)));
        }

        return results;
    }

    /// <summary>Removes an unreadable record from the metadata, with all of its entries.</summary>
    private VirtSnapshotException? DropDamaged(DiskSnapshot snapshot)
    {
        var found = SnapshotCatalog.ReadDamaged(session.Domain).FirstOrDefault(record =>
            record.Group == snapshot.Group && record.Name == snapshot.Name && (snapshot.Disk.Length == 0 || record.Concerns(snapshot.Disk)));
        if (found is { IsOfLaterVersion: true })
        {
            return found.ToFailure(snapshot);
        }

        if (found is not null)
        {
            MetadataRecord.Delete(session.Native, session.Domain, found.Uri);
            session.Reread();
            reporter.Warning($"The damaged record '{found.Uri}' was removed from the metadata of domain '{session.Domain.Name}', and nothing was deleted.");
        }

        return null;
    }

    /// <summary>A snapshot of an unregistered method does not prevent the removal of others.</summary>
    private VirtSnapshotException? WhyUnknown(JournalEntry entry)
    {
        try
        {
            _ = session.Engine.Methods.Find(entry.Record.Method, session.Domain);
            return null;
        }
        catch (VirtSnapshotException e)
        {
            return e;
        }
    }

    /// <summary>Removes a record of another domain, or one whose objects the domain does not use any more; changes nothing else.</summary>
    private bool TryForget(DiskSnapshot snapshot)
    {
        var request = session.ToRequest();
        var forgotten = SnapshotCatalog.Read(session.Domain)
            .SelectMany(set => set.Disks, (set, disk) => (Set: set, disk.Record))
            .Where(found => found.Set.Group == snapshot.Group && found.Record.Target == snapshot.Disk)
            .Select(found => (
                found.Set,
                found.Record,
                Why: RecordProof.WhyForeign(session.Engine.Methods, request, found.Record) ?? WhyOnlyRecorded(request, found.Record)))
            .FirstOrDefault(found => found.Why is not null);
        if (forgotten.Why is not { } why)
        {
            return false;
        }

        SnapshotCatalog.Forget(session.Native, session.Domain, forgotten.Set, record => record == forgotten.Record);

        // The next removal from the same set must not write this record again.
        session.Reread();
        if (!SnapshotCatalog.Read(session.Domain).Any(set => set.Group == forgotten.Set.Group)
            && SetFolder.Of(session.Host, session.Domain, forgotten.Set)?.Delete() is { } problem)
        {
            reporter.Verbose($"Of snapshot '{snapshot.Name}' of domain '{session.Domain.Name}', {problem}.");
        }

        reporter.Warning($"Snapshot '{snapshot.Name}' of disk '{snapshot.Disk}' was removed from the metadata of domain '{session.Domain.Name}', and "
            + $"nothing was deleted: {why}.");
        return true;
    }

    /// <summary>A begun removal is completed from its journal.</summary>
    private string? WhyOnlyRecorded(MethodRequest request, SnapshotRecord record)
    {
        if (RunJournal.Read(request.Domain)?.Entries.Any(entry => entry.Record.Set == record.Set && entry.Record.IsSameAs(record)) == true)
        {
            return null;
        }

        try
        {
            return session.Engine.Methods.Find(record.Method, request.Domain)
                .WhyOnlyRecorded(request, RecordProof.Verify(session.Engine.Methods, request, record));
        }
        catch (Exception e) when (e is VirtSnapshotException or IOException or UnauthorizedAccessException)
        {
            // The removal itself reports the error.
            return null;
        }
    }

    /// <summary>After a crash late in a removal the catalog has no record of it any more, but the journal has one.</summary>
    private JournalEntry? FindRecord(DiskSnapshot snapshot) => SnapshotCatalog.Read(session.Domain)
        .SelectMany(set => set.Disks, (set, disk) => new JournalEntry(set.Group, set.Name, disk.Record))
        .Concat(RunJournal.Read(session.Domain)?.Entries ?? [])
        .FirstOrDefault(entry => IsOf(entry, snapshot));

    private static bool IsOf(JournalEntry entry, DiskSnapshot snapshot) =>
        entry.Group == snapshot.Group && entry.Record.Target == snapshot.Disk;

    private VirtSnapshotException NotRecorded(DiskSnapshot snapshot) => snapshot.State == SnapshotState.Unknown && snapshot.Group != Guid.Empty
        ? new VirtSnapshotException(
            FailureKind.InvalidOperation,
            "SnapshotNotRecorded",
            snapshot,
            $"Snapshot '{snapshot.Name}' of disk '{snapshot.Disk}' of domain '{session.Domain.Name}' has lost its record, as after 'virsh define' of "
            + "another XML. Nothing was touched. "
            + $"'Repair-DiskSnapshot {session.Domain.Name}' records it again; then it can be removed.")
        : snapshot.State == SnapshotState.Unknown
        ? new VirtSnapshotException(
            FailureKind.InvalidOperation,
            "SnapshotNotOurs",
            snapshot,
            $"The overlay of disk '{snapshot.Disk}' of domain '{session.Domain.Name}' has no record, so it is not touched: "
            + $"it may belong to a clone or another tool. {Advise(snapshot)}".TrimEnd())
        : new VirtSnapshotException(
            FailureKind.ObjectNotFound,
            "SnapshotNotFound",
            snapshot,
            $"Disk '{snapshot.Disk}' of domain '{session.Domain.Name}' has no snapshot '{snapshot.Name}' of that set any more. 'Get-DiskSnapshot "
            + $"{session.Domain.Name}' lists the existing ones.");

    private VirtSnapshotException Detached(DiskSnapshot snapshot) => new(
        FailureKind.InvalidOperation,
        "SnapshotDetached",
        snapshot,
        $"Snapshot '{snapshot.Name}' of disk '{snapshot.Disk}' of domain '{session.Domain.Name}' cannot be removed: the disk does not use what was "
        + "written since, as after 'virsh define' of an old XML. Nothing was touched. "
        + $"'Repair-DiskSnapshot {session.Domain.Name} -DetachedOverlay Reattach' reattaches it to the disk, '-DetachedOverlay KeepAside' keeps it "
        + "in another file.");

    private string Advise(DiskSnapshot snapshot)
    {
        var request = session.ToRequest();
        if (request.Host.WhyNoShell is not null || request.Domain.FindDisk(snapshot.Disk) is not { } disk)
        {
            return "";
        }

        var chain = ImageChain.Of(request.Host, request.Domain, disk);
        var position = chain.Skip(1).TakeWhile(layer => !layer.IsSameAs(snapshot.BackupSource)).Count();
        return position + 1 < chain.Count ? new ForeignOverlays(request, () => ImageUse.Read(request)).Advise(disk, chain, position) : "";
    }

    private static VirtSnapshotException NotReached(DiskSnapshot snapshot, DiskSnapshot failed) => new(
        FailureKind.InvalidOperation,
        "OlderSnapshotRemains",
        snapshot,
        $"Snapshot '{snapshot.Name}' of disk '{snapshot.Disk}' of domain '{snapshot.Domain}' was not removed, because '{failed.Name}' must be removed "
        + "first and could not be. It is unchanged.");

    private static RemovalResult Name(RemovalResult result, bool hasTimedOut, RemovalOptions options) =>
        hasTimedOut && result.Error is { Kind: FailureKind.OperationStopped } stopped
            ? result with
            {
                Error = new VirtSnapshotException(
                    FailureKind.OperationTimeout,
                    "RemovalTimedOut",
                    stopped.TargetObject,
                    $"The -Timeout of {options.Timeout!.Value.TotalSeconds:0.#} s is over. {stopped.Message}",
                    stopped),
            }
            : result;
}

/// <summary>The outcome of the removal of one snapshot.</summary>
public sealed record RemovalResult(DiskSnapshot Snapshot, VirtSnapshotException? Error)
{
    /// <summary>The snapshot.</summary>
    public DiskSnapshot Snapshot { get; } = Snapshot;

    /// <summary>Why it was not removed; null where it was.</summary>
    public VirtSnapshotException? Error { get; internal init; } = Error;
}

/// <summary>How snapshots are removed.</summary>
public sealed record RemovalOptions
{
    /// <param name="bandwidth">See <see cref="Bandwidth"/>.</param>
    /// <param name="timeout">See <see cref="Timeout"/>.</param>
    public RemovalOptions(ulong bandwidth = 0, TimeSpan? timeout = null)
    {
        Bandwidth = bandwidth;
        Timeout = timeout;
    }

    /// <summary>At most this many bytes per second and disk; 0 for no limit.</summary>
    public ulong Bandwidth { get; internal init; }

    /// <summary>The time limit; null for none. Disks that are not merged by then work as before.</summary>
    public TimeSpan? Timeout { get; internal init; }
}
