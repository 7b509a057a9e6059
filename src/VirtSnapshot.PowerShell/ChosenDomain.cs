using VirtSnapshot.Domains;

namespace VirtSnapshot.PowerShell;

/// <summary>A selected domain.</summary>
/// <param name="Domain">The domain as it is now.</param>
/// <param name="Disks">The selected disks; all if it is empty.</param>
/// <param name="Snapshot">The snapshot that was given as an object; else null.</param>
internal sealed record ChosenDomain(VmDomain Domain, IReadOnlyList<DiskSelector> Disks, SnapshotReference? Snapshot)
{
    /// <summary>The selected disks, for a command that fails if one is missing.</summary>
    /// <exception cref="VirtSnapshotException"><c>DiskNotFound</c>, <c>DiskDiffers</c>.</exception>
    public IReadOnlyList<VmDisk> MatchDisks() => MatchDisks(failure => throw failure);

    /// <summary>The selected disks that exist, for a command that shows the others if one is missing.</summary>
    /// <param name="fail">Called with an error for each missing disk.</param>
    public IReadOnlyList<VmDisk> MatchDisks(Action<VirtSnapshotException> fail) => Disks.Count == 0
        ? Domain.Disks
        : [.. Disks.SelectMany(selector => Match(selector, fail)).DistinctBy(disk => disk.Target)];

    private IReadOnlyList<VmDisk> Match(DiskSelector selector, Action<VirtSnapshotException> fail)
    {
        try
        {
            return selector.Match(Domain);
        }
        catch (VirtSnapshotException e)
        {
            fail(e);
            return [];
        }
    }
}
