using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>Nothing is merged, since nothing was changed: a snapshot is deleted when the last disk that it serves is removed.</summary>
internal sealed class VolumeRemoval : IRemoval
{
    private readonly IVolumeDriver driver;
    private readonly HashSet<string> deletable;
    private readonly List<RemovedDisk> refused = [];
    private readonly List<RecordedDisk> accepted = [];

    public VolumeRemoval(RemovalOrder order, IVolumeDriver driver)
    {
        this.driver = driver;
        var kept = NamesBut(order.Disks);
        var open = new Lazy<OpenFiles>(order.Host.ReadOpenFiles);
        foreach (var record in order.Disks)
        {
            if (WhyRefused(record) is { } error)
            {
                refused.Add(new RemovedDisk(record, null, null, new RemovalFailure(error, HadBegun: false)));
            }
            else
            {
                accepted.Add(record);
            }
        }

        // Also when one of them was taken out of the catalog by a run that died before it deleted anything.
        deletable = accepted.Select(NameOf).ToHashSet(StringComparer.Ordinal);
        deletable.ExceptWith(NamesBut(accepted));

        HashSet<string> NamesBut(IReadOnlyList<RecordedDisk> removed) => order.Recorded
            .Where(record => record.Method == driver.Method && !removed.Any(other => other.Target == record.Target && NameOf(other) == NameOf(record)))
            .Select(NameOf)
            .ToHashSet(StringComparer.Ordinal);

        VirtSnapshotException? WhyRefused(RecordedDisk record)
        {
            try
            {
                return FindReader(record) is { } reader
                    ? InUse(order, record, $"{reader} reads in it")
                    : driver.WhyInUse(order.Host, VolumeSnapshot.Read(record)) is { } why ? InUse(order, record, why) : null;
            }
            catch (VirtSnapshotException e)
            {
                return e;
            }
        }

        // A snapshot that goes takes all with it: the disk's backing image, and files that are no disk's.
        FileUser? FindReader(RecordedDisk record) =>
            (record.Source.Path is { } path ? open.Value.FindUsers(path) : [])
            .Concat(kept.Contains(NameOf(record)) ? [] : open.Value.FindUsersWithin(VolumeSnapshot.Read(record).At))
            .FirstOrDefault();
    }

    public IReadOnlyList<RemovedDisk> Refused => refused;

    public IReadOnlyList<RecordedDisk> Accepted => accepted;

    public IReadOnlyList<RemovedDisk> Merge(Action<RemovalProgress> progress, CancellationToken cancellation) =>
        [.. accepted.Select(record => new RemovedDisk(record, null, null, null))];

    public void Discard(RecordOrder now, RemovedDisk disk)
    {
        if (deletable.Contains(NameOf(disk.Record)))
        {
            driver.Delete(now.Host, VolumeSnapshot.Read(disk.Record));
        }
    }

    private static string NameOf(RecordedDisk record) => VolumeSnapshot.Read(record).Name;

    private static VirtSnapshotException InUse(RemovalOrder order, RecordedDisk record, string why) => new(
        FailureKind.ResourceBusy,
        "SourceInUse",
        order.Domain,
        $"The snapshot '{NameOf(record)}' of disk '{record.Target}' of domain '{order.Domain.Name}' cannot be removed: {why}. Nothing was touched. "
        + "Let it finish, and try again.");
}
