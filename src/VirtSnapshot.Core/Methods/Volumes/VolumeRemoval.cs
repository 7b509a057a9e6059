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
        var open = new Lazy<Hosts.OpenFiles>(order.Host.ReadOpenFiles);
        foreach (var record in order.Disks)
        {
            if (record.Source.Path is { } path && open.Value.FindUsers(path) is [{ } reader, ..])
            {
                refused.Add(new RemovedDisk(record, null, null, new RemovalFailure(InUse(order, record, $"{reader}"), HadBegun: false)));
            }
            else
            {
                accepted.Add(record);
            }
        }

        // Also when one of them was taken out of the catalog by a run that died before it deleted anything.
        deletable = accepted.Select(NameOf).ToHashSet(StringComparer.Ordinal);
        deletable.ExceptWith(order.Recorded
            .Where(record => record.Method == driver.Method && !accepted.Exists(removed => removed.Target == record.Target && NameOf(removed) == NameOf(record)))
            .Select(NameOf));
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

    private static VirtSnapshotException InUse(RemovalOrder order, RecordedDisk record, string reader) => new(
        FailureKind.ResourceBusy,
        "SourceInUse",
        order.Domain,
        $"The snapshot '{NameOf(record)}' of disk '{record.Target}' of domain '{order.Domain.Name}' cannot be removed while somebody reads '{record.Source.Path}': {reader}. Nothing was touched. "
        + "Let the backup finish, and try again.");
}
