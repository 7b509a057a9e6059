using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>Finds the snapshots that a command is about.</summary>
internal static class ChosenSnapshots
{
    /// <summary>For a command that does nothing where a disk is missing.</summary>
    /// <exception cref="VirtSnapshotException">
    /// <c>SnapshotNotFound</c>: a snapshot that was given as an object is not there any more; <c>DiskNotFound</c>, <c>DiskDiffers</c>.
    /// </exception>
    public static IReadOnlyList<DiskSnapshot> Of(SnapshotEngine engine, ChosenDomain chosen, SnapshotFilter filter, SnapshotListing listing) =>
        Of(engine, chosen, filter, listing, failure => throw failure);

    /// <summary>For a command that shows the snapshots of the other disks all the same.</summary>
    /// <param name="engine">Lists them.</param>
    /// <param name="chosen">What is meant.</param>
    /// <param name="filter">What the snapshots' names and ids must be.</param>
    /// <param name="listing">The listing of all domains.</param>
    /// <param name="fail">Hears of each disk that is missing.</param>
    /// <exception cref="VirtSnapshotException"><c>SnapshotNotFound</c>: a snapshot that was given as an object is not there any more.</exception>
    public static IReadOnlyList<DiskSnapshot> Of(
        SnapshotEngine engine, ChosenDomain chosen, SnapshotFilter filter, SnapshotListing listing, Action<VirtSnapshotException> fail)
    {
        var snapshots = engine.List(chosen.Domain, listing);
        if (chosen.Snapshot is { } one)
        {
            var found = Find(chosen, one, snapshots);
            filter.IsUsed = true;
            return [.. found.Where(filter.Matches)];
        }

        var hasFailed = false;
        var disks = chosen.MatchDisks(failure =>
        {
            hasFailed = true;
            fail(failure);
        });

        // Where none of the disks is there, that is the error, and not that they have no such snapshots.
        filter.IsUsed |= disks.Count > 0 || !hasFailed;
        return [.. OfDisks(chosen, disks, snapshots).Where(filter.Matches)];
    }

    private static List<DiskSnapshot> Find(ChosenDomain chosen, SnapshotReference one, IReadOnlyList<DiskSnapshot> snapshots)
    {
        // A disk may have left the domain while its snapshot is still there.
        var found = snapshots.Where(snapshot => snapshot.Disk == one.Disk && one.Matches(snapshot)).ToList();
        if (found.Count == 0)
        {
            found = [.. OfDisks(chosen, chosen.MatchDisks(), snapshots).Where(one.Matches)];
        }

        var where = one.Disk is null ? $"domain '{chosen.Domain}'" : $"disk '{one.Disk}' of domain '{chosen.Domain}'";
        return found.Count > 0 ? found : throw new VirtSnapshotException(
            FailureKind.ObjectNotFound,
            "SnapshotNotFound",
            chosen.Domain,
            $"There is no {one} of {where} any more. 'Get-DiskSnapshot {chosen.Domain}' lists what there is.");
    }

    /// <summary>Where no disks were named, those as well whose disk the domain has no more.</summary>
    private static IEnumerable<DiskSnapshot> OfDisks(ChosenDomain chosen, IReadOnlyList<VmDisk> disks, IReadOnlyList<DiskSnapshot> snapshots)
    {
        if (chosen.Disks.Count == 0)
        {
            return snapshots;
        }

        var targets = disks.Select(disk => disk.Target).ToHashSet(StringComparer.Ordinal);
        return snapshots.Where(snapshot => targets.Contains(snapshot.Disk));
    }
}
