namespace VirtSnapshot.Methods;

/// <summary>Deletes snapshots without a record that no disk depends on.</summary>
/// <param name="journaled">The snapshots that the run was to take.</param>
/// <param name="nameOf">The name of a snapshot for messages.</param>
/// <param name="exists">Whether a snapshot exists; throws a <see cref="VirtSnapshotException"/> if that cannot be determined now.</param>
/// <param name="delete">Deletes a snapshot. A missing one is no error.</param>
internal sealed class DeletingRecovery(
    IReadOnlyList<SnapshotRecord> journaled, Func<SnapshotRecord, string> nameOf, Predicate<SnapshotRecord> exists, Action<SnapshotRecord> delete) : IRecovery
{
    private readonly IReadOnlyList<SnapshotRecord> incomplete = [.. journaled.Where(record => MayExist(record, exists))];

    public IReadOnlyList<SnapshotRecord> Taken => [];

    public IReadOnlyList<string> Incomplete => [.. incomplete.Select(nameOf)];

    public IReadOnlyList<string> CleanUp()
    {
        var kept = new List<string>();
        foreach (var record in incomplete)
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

    /// <summary>A snapshot that is not accessible now stays in the journal.</summary>
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
