namespace VirtSnapshot.Methods;

/// <summary>Removes snapshots that no disk depends on: none is merged, and each is deleted separately.</summary>
internal sealed class DeletingRemoval : IRemoval
{
    private readonly Action<MethodRequest, SnapshotRecord> delete;
    private readonly List<RemovalOutcome> refused = [];
    private readonly List<SnapshotRecord> accepted = [];

    /// <param name="disks">The snapshots to remove.</param>
    /// <param name="refuse">Throws a <see cref="VirtSnapshotException"/> if a snapshot cannot be removed now.</param>
    /// <param name="delete">Deletes a snapshot. A missing one is no error.</param>
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
