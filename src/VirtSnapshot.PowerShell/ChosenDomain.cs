using VirtSnapshot.Domains;

namespace VirtSnapshot.PowerShell;

/// <summary>A domain that a command is about.</summary>
/// <param name="Domain">The domain as it is now.</param>
/// <param name="Disks">The disks that are meant; all where it is empty.</param>
/// <param name="Snapshot">The one snapshot that is meant; null where none was given as an object.</param>
internal sealed record ChosenDomain(VmDomain Domain, IReadOnlyList<DiskSelector> Disks, SnapshotReference? Snapshot)
{
    /// <summary>The disks that are meant, for a command that does nothing where one is missing.</summary>
    /// <exception cref="VirtSnapshotException"><c>DiskNotFound</c>, <c>DiskDiffers</c>.</exception>
    public IReadOnlyList<VmDisk> MatchDisks() => MatchDisks(failure => throw failure);

    /// <summary>Those of the disks that are there, for a command that shows them all the same.</summary>
    /// <param name="fail">Hears of each of the others.</param>
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
