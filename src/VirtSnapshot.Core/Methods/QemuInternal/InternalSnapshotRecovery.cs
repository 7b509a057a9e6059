namespace VirtSnapshot.Methods.QemuInternal;

/// <summary>A snapshot that nobody has recorded is deleted: nothing depends on it.</summary>
internal sealed class InternalSnapshotRecovery(RecordOrder order, IReadOnlyList<RecordedDisk> journaled) : IRecovery
{
    private readonly IReadOnlyList<InternalSnapshot> leftovers = [.. journaled.Select(InternalSnapshot.Read).Where(snapshot => MayExist(order, snapshot))];

    public IReadOnlyList<RecordedDisk> Taken => [];

    public IReadOnlyList<string> Leftovers => [.. leftovers.Select(snapshot => $"{snapshot}")];

    public IReadOnlyList<string> CleanUp()
    {
        var kept = new List<string>();
        foreach (var snapshot in leftovers)
        {
            try
            {
                snapshot.Delete(order.Host);
            }
            catch (VirtSnapshotException e)
            {
                kept.Add(order.Domain.IsActive ? $"{e.Message} Domain '{order.Domain.Name}' runs: shut it down for that." : e.Message);
            }
        }

        return kept;
    }

    /// <summary>What cannot be looked at now stays in the journal.</summary>
    private static bool MayExist(RecordOrder order, InternalSnapshot snapshot)
    {
        try
        {
            return snapshot.Exists(order.Host);
        }
        catch (VirtSnapshotException)
        {
            return true;
        }
    }
}
