using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>Finds the selected snapshots of a command.</summary>
internal static class ChosenSnapshots
{
    /// <summary>For a command that fails if a disk is missing.</summary>
    /// <exception cref="VirtSnapshotException">
    /// <c>SnapshotNotFound</c>: a snapshot given as an object no longer exists; <c>DiskNotFound</c>, <c>DiskDiffers</c>.
    /// </exception>
    public static IReadOnlyList<DiskSnapshot> Of(SnapshotEngine engine, ChosenDomain chosen, SnapshotFilter filter, SnapshotListing listing) =>
        Of(engine, chosen, filter, listing, failure => throw failure);

    /// <summary>For a command that shows the snapshots of the other disks if a disk is missing.</summary>
    /// <param name="engine">The engine that lists the snapshots.</param>
    /// <param name="chosen">The selected domain and disks.</param>
    /// <param name="filter">The filter for names and ids.</param>
    /// <param name="listing">The listing of all domains.</param>
    /// <param name="fail">Called with an error for each missing disk.</param>
    /// <exception cref="VirtSnapshotException"><c>SnapshotNotFound</c>: a snapshot given as an object no longer exists.</exception>
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

        // If all disks are missing, that is the error, and missing snapshots are not reported.
        filter.IsUsed |= disks.Count > 0 || !hasFailed;
        return [.. OfDisks(chosen, disks, snapshots).Where(filter.Matches)];
    }

    private static List<DiskSnapshot> Find(ChosenDomain chosen, SnapshotReference one, IReadOnlyList<DiskSnapshot> snapshots)
    {
        // The snapshot of a detached disk still exists.
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
            $"The {one} of {where} no longer exists. 'Get-DiskSnapshot {chosen.Domain}' lists the existing snapshots.");
    }

    /// <summary>The snapshots of the given disks. If no disks are named, snapshots of detached disks are included.</summary>
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
