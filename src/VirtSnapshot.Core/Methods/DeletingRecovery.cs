namespace VirtSnapshot.Methods;

/// <summary>Snapshots that no disk depends on, and that nobody has recorded, are deleted.</summary>
/// <param name="journaled">What the run was to make.</param>
/// <param name="nameOf">What it is called, for people.</param>
/// <param name="exists">Whether it is there; throws a <see cref="VirtSnapshotException"/> where that cannot be told now.</param>
/// <param name="delete">Deletes it; one that is gone already is fine.</param>
internal sealed class DeletingRecovery(
    IReadOnlyList<RecordedDisk> journaled, Func<RecordedDisk, string> nameOf, Predicate<RecordedDisk> exists, Action<RecordedDisk> delete) : IRecovery
{
    private readonly IReadOnlyList<RecordedDisk> leftovers = [.. journaled.Where(record => MayExist(record, exists))];

    public IReadOnlyList<RecordedDisk> Taken => [];

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
            catch (VirtSnapshotException e)
            {
                kept.Add(e.Message);
            }
        }

        return kept;
    }

    /// <summary>What cannot be looked at now stays in the journal.</summary>
    private static bool MayExist(RecordedDisk record, Predicate<RecordedDisk> exists)
    {
        try
        {
            return exists(record);
        }
        catch (VirtSnapshotException)
        {
            return true;
        }
    }
}
