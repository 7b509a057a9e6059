using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>What a set is made of: the acts of all its methods, and when each of them is done.</summary>
/// <remarks>
/// A shield is an overlay that takes a disk's writes from the freeze window on, so that what lies under it stands still while a slow
/// snapshot of that is made; then it is merged back. The window is as short as a switch to overlays, however slow the storage.
/// </remarks>
/// <param name="Set">The set's name and identity.</param>
/// <param name="Targets">The disks, in the domain's order: the order of what is told, whatever the order of the acts.</param>
/// <param name="Within">The acts within the freeze window.</param>
/// <param name="After">The acts that the shield lets wait until the guest is thawed.</param>
/// <param name="ShieldedTargets">The disks that the first of <paramref name="Within"/> switches to overlays only for the time of <paramref name="After"/>.</param>
internal sealed record SetActs(
    SetIdentity Set, string[] Targets, IReadOnlyList<SnapshotSteps> Within, IReadOnlyList<SnapshotSteps> After, IReadOnlySet<string> ShieldedTargets)
{
    /// <summary>What will be recorded.</summary>
    public IReadOnlyList<PlannedSnapshot> Disks { get; } =
    [
        .. Within.SelectMany(act => act.Disks)
            .Where(disk => !ShieldedTargets.Contains(disk.Disk.Target))
            .Concat(After.SelectMany(act => act.Disks))
            .Select(disk => Stamp(disk, Set))
            .OrderBy(disk => Array.IndexOf(Targets, disk.Disk.Target)),
    ];

    /// <summary>The overlays that go again.</summary>
    public IEnumerable<PlannedSnapshot> Shields =>
        Within.SelectMany(act => act.Disks).Where(disk => ShieldedTargets.Contains(disk.Disk.Target)).Select(disk => Stamp(disk, Set));

    public IEnumerable<SnapshotSteps> All => Within.Concat(After);

    /// <param name="set">The set's name and identity.</param>
    /// <param name="orderOf">The order for some of the disks.</param>
    /// <param name="chosen">The disks, each with its method.</param>
    /// <param name="use">What the user wants.</param>
    /// <param name="canWait">Whether there is a running guest that would have to wait.</param>
    /// <param name="reporter">Hears why there is no shield where one is wanted.</param>
    /// <exception cref="VirtSnapshotException">It cannot be done; nothing was touched.</exception>
    public static SetActs Plan(
        SetIdentity set, Func<IEnumerable<ChosenDisk>, PlanRequest> orderOf, IReadOnlyList<ChosenDisk> chosen, ShieldUse use, bool canWait, IRunReporter reporter)
    {
        string[] targets = [.. chosen.Select(disk => disk.Disk.Target)];
        var parts = new List<(SnapshotMethod Provider, List<ChosenDisk> Disks, SnapshotSteps Act)>();
        foreach (var part in chosen.GroupBy(disk => disk.Choice.Provider))
        {
            string[] taken = [.. parts.SelectMany(other => other.Act.Disks).SelectMany(disk => disk.Files)];
            parts.Add((part.Key, part.ToList(), part.Key.Plan(orderOf(part) with { Taken = taken })));
        }

        var acts = parts.Select(part => part.Act).ToList();
        var shielded = parts.Where(part => part.Act.NeedsVcpuPause && (use == ShieldUse.Always || part.Act.IsSlow || parts.Count > 1)).ToList();
        if (!canWait || use == ShieldUse.Never || shielded.Count == 0)
        {
            return new SetActs(set, targets, acts, [], new HashSet<string>(StringComparer.Ordinal));
        }

        try
        {
            var shield = MethodCatalog.Shield;
            var waiting = shielded.SelectMany(part => part.Disks).ToList();
            foreach (var disk in waiting)
            {
                _ = MethodCatalog.Selector.Select(disk.Candidate, DiskSnapshotMethod.Parse(shield.Method));
            }

            // One act for the shield and for the disks that get an overlay anyway: one switch for all.
            var switching = parts.Where(part => part.Provider == shield).SelectMany(part => part.Disks).Concat(waiting);
            return new SetActs(
                set,
                targets,
                [shield.Plan(orderOf(switching)), .. parts.Except(shielded).Where(part => part.Provider != shield).Select(part => part.Act)],
                [.. shielded.Select(part => part.Act)],
                waiting.Select(disk => disk.Disk.Target).ToHashSet(StringComparer.Ordinal));
        }
        catch (VirtSnapshotException e) when (use != ShieldUse.Always)
        {
            Action<string> tell = shielded.Exists(part => part.Act.IsSlow) ? reporter.Warning : reporter.Verbose;
            tell($"The guest has to wait for the snapshots, since they cannot be shielded: {e.Message}");
            return new SetActs(set, targets, acts, [], new HashSet<string>(StringComparer.Ordinal));
        }
    }

    /// <summary>A record says whose it is, and of which image.</summary>
    private static PlannedSnapshot Stamp(PlannedSnapshot disk, SetIdentity set) =>
        disk with { Record = disk.Record with { Set = set, Image = disk.Disk.Source.ToString() } };
}
