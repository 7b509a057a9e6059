using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>Finds the snapshots that a command is about.</summary>
internal static class ChosenSnapshots
{
    public static IReadOnlyList<DiskSnapshot> Of(ChosenDomain chosen, SnapshotNameFilter names, SnapshotListing listing)
    {
        var targets = chosen.MatchDisks().Select(disk => disk.Target).ToHashSet(StringComparer.Ordinal);
        var snapshots = SnapshotList.Of(chosen.Domain, listing);
        names.IsUsed = true;
        return
        [
            .. snapshots.Where(snapshot =>
                (chosen.Disks.Count == 0 || targets.Contains(snapshot.Disk))
                && (chosen.Snapshot is not { } one || (one.Group == snapshot.Group && one.Name == snapshot.Name))
                && names.Matches(snapshot.Name)),
        ];
    }
}
