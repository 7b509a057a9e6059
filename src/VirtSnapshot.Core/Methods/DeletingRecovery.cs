namespace VirtSnapshot.Methods;

/// <summary>Snapshots that no disk depends on, and that nobody has recorded, are deleted.</summary>
/// <param name="journaled">What the run was to make.</param>
/// <param name="nameOf">What it is called, for people.</param>
/// <param name="exists">Whether it is there; throws a <see cref="VirtSnapshotException"/> where that cannot be told now.</param>
/// <param name="delete">Deletes it; one that is gone already is fine.</param>
internal sealed class DeletingRecovery(
    IReadOnlyList<SnapshotRecord> journaled, Func<SnapshotRecord, string> nameOf, Predicate<SnapshotRecord> exists, Action<SnapshotRecord> delete) : IRecovery
{
    private readonly IReadOnlyList<SnapshotRecord> leftovers = [.. journaled.Where(record => MayExist(record, exists))];

    public IReadOnlyList<SnapshotRecord> Taken => [];

    public IReadOnlyList<string> Leftovers => [.. leftovers.Select(nameOf)];

    public IReadOnlyList<string> CleanUp()
    {
        var kept = new List<string>();
        foreach (var record in leftovers)
        {
            try
            {
                delete(record);
            }
            catch (Exception e) when (e is VirtSnapshotException or IOException or UnauthorizedAccessException)
            {
                kept.Add(e.Message);
            }
        }

        return kept;
    }

    /// <summary>What cannot be looked at now stays in the journal.</summary>
    private static bool MayExist(SnapshotRecord record, Predicate<SnapshotRecord> exists)
    {
        try
        {
            return exists(record);
        }
        catch (Exception e) when (e is VirtSnapshotException or IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
