using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>
/// A snapshot that nobody has recorded is deleted, however far it came: it has changed nothing in the domain, and whether the guest was
/// still frozen when it was taken, nobody can tell any more.
/// </summary>
internal sealed class VolumeRecovery : IRecovery
{
    private readonly IHost host;
    private readonly IVolumeDriver driver;
    private readonly IReadOnlyList<VolumeSnapshot> snapshots;

    public VolumeRecovery(MethodRequest request, IVolumeDriver driver, IReadOnlyList<SnapshotRecord> journaled)
    {
        host = request.Host;
        this.driver = driver;
        var planned = journaled.Select(VolumeSnapshot.Read).DistinctBy(snapshot => snapshot.Name).ToList();
        LateCommands.Wait(host, planned);
        snapshots = [.. planned.Where(MayExist)];
    }

    public IReadOnlyList<SnapshotRecord> Taken => [];

    public IReadOnlyList<string> Leftovers => [.. snapshots.Select(snapshot => snapshot.Name)];

    public IReadOnlyList<string> CleanUp()
    {
        var kept = new List<string>();
        foreach (var snapshot in snapshots)
        {
            try
            {
                driver.Delete(host, snapshot);
            }
            catch (Exception e) when (e is VirtSnapshotException or IOException or UnauthorizedAccessException)
            {
                kept.Add(e.Message);
            }
        }

        return kept;
    }

    /// <summary>What cannot be looked at now stays in the journal, and keeps nothing else from being cleared away.</summary>
    private bool MayExist(VolumeSnapshot snapshot)
    {
        try
        {
            return driver.Exists(host, snapshot);
        }
        catch (Exception e) when (e is VirtSnapshotException or IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
