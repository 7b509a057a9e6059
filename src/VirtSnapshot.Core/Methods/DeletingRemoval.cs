namespace VirtSnapshot.Methods;

/// <summary>The removal of snapshots that no disk depends on: nothing is merged, and each is deleted by itself.</summary>
internal sealed class DeletingRemoval : IRemoval
{
    private readonly Action<RecordOrder, RecordedDisk> delete;
    private readonly List<RemovedDisk> refused = [];
    private readonly List<RecordedDisk> accepted = [];

    /// <param name="disks">What is to be removed.</param>
    /// <param name="refuse">Throws a <see cref="VirtSnapshotException"/> where it cannot be removed now.</param>
    /// <param name="delete">Deletes it; one that is gone already is fine.</param>
    public DeletingRemoval(IReadOnlyList<RecordedDisk> disks, Action<RecordedDisk> refuse, Action<RecordOrder, RecordedDisk> delete)
    {
        this.delete = delete;
        foreach (var record in disks)
        {
            try
            {
                refuse(record);
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

    public void Discard(RecordOrder now, RemovedDisk disk) => delete(now, disk.Record);
}
