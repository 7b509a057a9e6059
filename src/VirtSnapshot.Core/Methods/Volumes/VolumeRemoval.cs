using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>Nothing is merged, since nothing was changed: a snapshot is deleted when the last disk that it serves is removed.</summary>
internal sealed class VolumeRemoval : IRemoval
{
    private readonly RemovalRequest request;
    private readonly IVolumeDriver driver;
    private readonly Lazy<OpenFiles> open;
    private readonly Lazy<ImageUse> use;
    private readonly HashSet<string> deletable;
    private readonly List<RemovalOutcome> refused = [];
    private readonly List<SnapshotRecord> accepted = [];

    public VolumeRemoval(RemovalRequest request, IVolumeDriver driver)
    {
        this.request = request;
        this.driver = driver;
        open = new Lazy<OpenFiles>(request.Host.ReadOpenFiles);
        use = new Lazy<ImageUse>(() => ImageUse.Read(request));
        var kept = NamesBut(request.Disks);
        foreach (var record in request.Disks)
        {
            if (FindProblem(record, isKept: kept.Contains(NameOf(record))) is { } error)
            {
                refused.Add(new RemovalOutcome(record, null, null, new RemovalFailure(error, HadBegun: false)));
            }
            else
            {
                accepted.Add(record);
            }
        }

        // Also when one of them was taken out of the catalog by a run that died before it deleted anything.
        deletable = accepted.Select(NameOf).ToHashSet(StringComparer.Ordinal);
        deletable.ExceptWith(NamesBut(accepted));
    }

    public IReadOnlyList<RemovalOutcome> Refused => refused;

    public IReadOnlyList<SnapshotRecord> Accepted => accepted;

    public IReadOnlyList<RemovalOutcome> Merge(Action<RemovalProgress> progress, CancellationToken cancellation) =>
        [.. accepted.Select(record => new RemovalOutcome(record, null, null, null))];

    public void Discard(MethodRequest now, RemovalOutcome disk)
    {
        if (deletable.Contains(NameOf(disk.Record)))
        {
            driver.Delete(now.Host, VolumeSnapshot.Read(disk.Record));
        }
    }

    private static string NameOf(SnapshotRecord record) => VolumeSnapshot.Read(record).Name;

    /// <summary>The snapshots that disks still need when some of them are removed.</summary>
    private HashSet<string> NamesBut(IReadOnlyList<SnapshotRecord> removed) => request.Recorded
        .Where(record => record.Method == driver.Method && !removed.Any(other => other.Target == record.Target && NameOf(other) == NameOf(record)))
        .Select(NameOf)
        .ToHashSet(StringComparer.Ordinal);

    private VirtSnapshotException? FindProblem(SnapshotRecord record, bool isKept)
    {
        try
        {
            return FindReader(record, isKept) is { } reader ? InUse(record, $"somebody reads in it: {reader}")
                : isKept ? null
                : use.Value.FindDisk(VolumeSnapshot.Read(record).At) is { } disk ? Shared(record, disk)
                : driver.WhyInUse(request.Host, VolumeSnapshot.Read(record)) is { } why ? InUse(record, why) : null;
        }
        catch (VirtSnapshotException e)
        {
            return e;
        }
    }

    /// <summary>A snapshot that goes takes all with it: the disk's backing image, and files that are no disk's.</summary>
    private FileUser? FindReader(SnapshotRecord record, bool isKept) =>
        (record.Source.Path is { } path ? open.Value.FindUsers(path) : [])
        .Concat(isKept ? [] : open.Value.FindUsersWithin(VolumeSnapshot.Read(record).At))
        .FirstOrDefault();

    private VirtSnapshotException InUse(SnapshotRecord record, string why) => new(
        FailureKind.ResourceBusy,
        "SourceInUse",
        request.Domain,
        $"The snapshot '{NameOf(record)}' of disk '{record.Target}' of domain '{request.Domain.Name}' cannot be removed: {why}. Nothing was touched. Let that end, and try again.");

    private VirtSnapshotException Shared(SnapshotRecord record, string disk) => new(
        FailureKind.ResourceBusy,
        "SourceShared",
        request.Domain,
        $"The snapshot '{NameOf(record)}' of disk '{record.Target}' of domain '{request.Domain.Name}' cannot be removed while {disk} stands on it. Nothing was touched. "
        + "Give that disk an image of its own, and try again.");
}
