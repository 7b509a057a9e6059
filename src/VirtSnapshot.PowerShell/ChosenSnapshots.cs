using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>Finds the snapshots that a command is about.</summary>
internal static class ChosenSnapshots
{
    /// <exception cref="VirtSnapshotException"><c>SnapshotNotFound</c>: a snapshot that was given as an object is not there any more.</exception>
    public static IReadOnlyList<DiskSnapshot> Of(ChosenDomain chosen, SnapshotFilter filter, SnapshotListing listing)
    {
        var snapshots = SnapshotList.Of(chosen.Domain, listing);
        var meant = chosen.Snapshot is { } one ? Find(chosen, one, snapshots) : OfDisks(chosen, snapshots);
        filter.IsUsed = true;
        return [.. meant.Where(filter.Matches)];
    }

    private static List<DiskSnapshot> Find(ChosenDomain chosen, SnapshotReference one, IReadOnlyList<DiskSnapshot> snapshots)
    {
        // A disk may have left the domain while its snapshot is still there.
        var found = snapshots.Where(snapshot => snapshot.Disk == one.Disk && one.Matches(snapshot)).ToList();
        if (found.Count == 0)
        {
            found = [.. OfDisks(chosen, snapshots).Where(one.Matches)];
        }

        var where = one.Disk is null ? $"domain '{chosen.Domain}'" : $"disk '{one.Disk}' of domain '{chosen.Domain}'";
        return found.Count > 0 ? found : throw new VirtSnapshotException(
            FailureKind.ObjectNotFound,
            "SnapshotNotFound",
            chosen.Domain,
            $"There is no {one} of {where} any more. 'Get-DiskSnapshot {chosen.Domain}' lists what there is.");
    }

    private static IEnumerable<DiskSnapshot> OfDisks(ChosenDomain chosen, IReadOnlyList<DiskSnapshot> snapshots)
    {
        if (chosen.Disks.Count == 0)
        {
            return snapshots;
        }

        var targets = chosen.MatchDisks().Select(disk => disk.Target).ToHashSet(StringComparer.Ordinal);
        return snapshots.Where(snapshot => targets.Contains(snapshot.Disk));
    }
}
