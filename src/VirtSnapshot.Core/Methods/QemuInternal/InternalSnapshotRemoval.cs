namespace VirtSnapshot.Methods.QemuInternal;

/// <summary>Nothing is merged: what only the snapshot has used of the image is free again.</summary>
internal sealed class InternalSnapshotRemoval : IRemoval
{
    private readonly List<RemovedDisk> refused = [];
    private readonly List<RecordedDisk> accepted = [];

    public InternalSnapshotRemoval(RemovalOrder order)
    {
        var open = new Lazy<Hosts.OpenFiles>(order.Host.ReadOpenFiles);
        foreach (var record in order.Disks)
        {
            try
            {
                Check(order, InternalSnapshot.Read(record), record, open);
                accepted.Add(record);
            }
            catch (VirtSnapshotException e)
            {
                refused.Add(new RemovedDisk(record, null, null, new RemovalFailure(e, HadBegun: false)));
            }
        }
    }

    public IReadOnlyList<RemovedDisk> Refused => refused;

    public IReadOnlyList<RecordedDisk> Accepted => accepted;

    public IReadOnlyList<RemovedDisk> Merge(Action<RemovalProgress> progress, CancellationToken cancellation) =>
        [.. accepted.Select(record => new RemovedDisk(record, null, null, null))];

    public void Discard(RecordOrder now, RemovedDisk disk) => InternalSnapshot.Read(disk.Record).Delete(now.Host);

    private static void Check(RemovalOrder order, InternalSnapshot snapshot, RecordedDisk record, Lazy<Hosts.OpenFiles> open)
    {
        if (!snapshot.Exists(order.Host))
        {
            return;
        }

        if (order.Domain.IsActive)
        {
            throw QemuInternalProvider.DomainRunning(order.Domain, "removed");
        }

        if (open.Value.FindUsers(snapshot.Image) is [{ } user, ..])
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceInUse",
                order.Domain,
                $"The internal snapshot '{snapshot.Name}' of disk '{record.Target}' of domain '{order.Domain.Name}' cannot be removed while somebody has '{snapshot.Image}' open: {user}. "
                + "Nothing was touched. Let the backup finish, and try again.");
        }
    }
}
