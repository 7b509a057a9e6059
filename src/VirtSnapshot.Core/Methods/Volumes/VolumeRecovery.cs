namespace VirtSnapshot.Methods.Volumes;

/// <summary>
/// A snapshot that nobody has recorded is deleted, however far it came: it has changed nothing in the domain, and whether the guest was
/// still frozen when it was taken, nobody can tell any more.
/// </summary>
internal sealed class VolumeRecovery(RecordOrder order, IVolumeDriver driver, IReadOnlyList<RecordedDisk> journaled) : IRecovery
{
    private readonly IReadOnlyList<VolumeSnapshot> snapshots =
        [.. journaled.Select(VolumeSnapshot.Read).DistinctBy(snapshot => snapshot.Name).Where(snapshot => driver.Exists(order.Host, snapshot))];

    public IReadOnlyList<RecordedDisk> Taken => [];

    public IReadOnlyList<string> Leftovers => [.. snapshots.Select(snapshot => snapshot.Name)];

    public IReadOnlyList<string> CleanUp()
    {
        var kept = new List<string>();
        foreach (var snapshot in snapshots)
        {
            try
            {
                driver.Delete(order.Host, snapshot);
            }
            catch (VirtSnapshotException e)
            {
                kept.Add(e.Message);
            }
        }

        return kept;
    }
}
