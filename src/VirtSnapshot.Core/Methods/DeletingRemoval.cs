namespace VirtSnapshot.Methods;

/// <summary>The removal of snapshots that no disk depends on: nothing is merged, and each is deleted by itself.</summary>
internal sealed class DeletingRemoval : IRemoval
{
    private readonly Action<MethodRequest, SnapshotRecord> delete;
    private readonly List<RemovalOutcome> refused = [];
    private readonly List<SnapshotRecord> accepted = [];

    /// <param name="disks">What is to be removed.</param>
    /// <param name="refuse">Throws a <see cref="VirtSnapshotException"/> where it cannot be removed now.</param>
    /// <param name="delete">Deletes it; one that is gone already is fine.</param>
    public DeletingRemoval(IReadOnlyList<SnapshotRecord> disks, Action<SnapshotRecord> refuse, Action<MethodRequest, SnapshotRecord> delete)
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
                refused.Add(new RemovalOutcome(record, null, null, new RemovalFailure(e, HadBegun: false)));
            }
        }
    }

    public IReadOnlyList<RemovalOutcome> Refused => refused;

    public IReadOnlyList<SnapshotRecord> Accepted => accepted;

    public IReadOnlyList<RemovalOutcome> Merge(Action<RemovalProgress> progress, CancellationToken cancellation) =>
        [.. accepted.Select(record => new RemovalOutcome(record, null, null, null))];

    public void Discard(MethodRequest now, RemovalOutcome disk) => delete(now, disk.Record);
}
