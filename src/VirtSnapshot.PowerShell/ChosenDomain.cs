using VirtSnapshot.Domains;

namespace VirtSnapshot.PowerShell;

/// <summary>A domain that a command is about.</summary>
/// <param name="Domain">The domain as it is now.</param>
/// <param name="Disks">The disks that are meant; all where it is empty.</param>
/// <param name="Snapshot">The one snapshot that is meant; null where none was given as an object.</param>
internal sealed record ChosenDomain(VmDomain Domain, IReadOnlyList<DiskSelector> Disks, SnapshotReference? Snapshot)
{
    /// <summary>The disks that are meant.</summary>
    /// <exception cref="VirtSnapshotException"><c>DiskNotFound</c>.</exception>
    public IReadOnlyList<VmDisk> MatchDisks() => Disks.Count == 0
        ? Domain.Disks
        : [.. Disks.SelectMany(selector => selector.Match(Domain)).DistinctBy(disk => disk.Target)];
}
