using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>The steps of all methods of a set, and their order.</summary>
/// <remarks>
/// A temporary overlay takes a disk's writes from the freeze window on, so that the image under it does not change while a slow snapshot of it is taken; then
/// it is merged. The freeze window is as short as a switch to overlays, independent of the storage.
/// </remarks>
/// <param name="Set">The set's name and identity.</param>
/// <param name="Targets">The disks in the domain's order, which is the order of the output, independent of the steps' order.</param>
/// <param name="Within">The steps within the freeze window.</param>
/// <param name="After">The steps that temporary overlays let wait until the guest is thawed.</param>
/// <param name="TemporaryTargets">The disks that have a temporary overlay.</param>
/// <param name="NeedVcpuPause">Whether a running guest that is not frozen must be paused for the steps within the window.</param>
internal sealed record SetActs(
    SetIdentity Set,
    string[] Targets,
    IReadOnlyList<ISnapshotSteps> Within,
    IReadOnlyList<ISnapshotSteps> After,
    IReadOnlySet<string> TemporaryTargets,
    bool NeedVcpuPause)
{
    /// <summary>What will be recorded.</summary>
    public IReadOnlyList<PlannedSnapshot> Disks { get; } =
    [
        .. Within.SelectMany(steps => steps.Disks)
            .Where(disk => !TemporaryTargets.Contains(disk.Disk.Target))
            .Concat(After.SelectMany(steps => steps.Disks))
            .Select(disk => Stamp(disk, Set))
            .OrderBy(disk => Array.IndexOf(Targets, disk.Disk.Target)),
    ];

    /// <summary>The overlays that are merged back.</summary>
    public IEnumerable<PlannedSnapshot> TemporaryOverlays =>
        Within.SelectMany(steps => steps.Disks).Where(disk => TemporaryTargets.Contains(disk.Disk.Target)).Select(disk => Stamp(disk, Set));

    public IEnumerable<ISnapshotSteps> All => Within.Concat(After);

    /// <param name="methods">The methods.</param>
    /// <param name="set">The set's name and identity.</param>
    /// <param name="requestFor">The request for some of the disks.</param>
    /// <param name="chosen">The disks, each with its method.</param>
    /// <param name="use">The user's choice for temporary overlays.</param>
    /// <param name="canWait">Whether there is a running guest that would have to wait.</param>
    /// <param name="reporter">Receives why there is no temporary overlay where one is wanted.</param>
    /// <exception cref="VirtSnapshotException">It cannot be done; nothing was touched.</exception>
    public static SetActs Plan(
        MethodRegistry methods,
        SetIdentity set,
        Func<IEnumerable<SnapshotTarget>, PlanRequest> requestFor,
        IReadOnlyList<SnapshotTarget> chosen,
        ShieldUse use,
        bool canWait,
        IRunReporter reporter)
    {
        string[] targets = [.. chosen.Select(disk => disk.Disk.Target)];
        var parts = new List<Part>();
        var groups = chosen.GroupBy(disk => disk.Method).Select(group => (Method: group.Key, Disks: group.ToList())).ToList();

        // Overlays come last: the other methods may need temporary ones, which are planned and switched to together with those that are kept.
        var overlays = groups.Find(group => group.Method.Traits.ServesAsTemporaryOverlay && group.Method == methods.TemporaryOverlay);
        foreach (var (method, disks) in groups.Where(group => group.Method != overlays.Method))
        {
            parts.Add(Plan(method, disks));
        }

        var waiting = parts.Where(part => part.Method.Traits.NeedsVcpuPause && (use == ShieldUse.Always || part.Steps.IsSlow || groups.Count > 1)).ToList();
        if (canWait && use != ShieldUse.Never && waiting.Count > 0)
        {
            try
            {
                return WithTemporaryOverlays();
            }
            catch (VirtSnapshotException e) when (use != ShieldUse.Always)
            {
                Action<string> report = waiting.Exists(part => part.Steps.IsSlow) ? reporter.Warning : reporter.Verbose;
                report($"The guest waits for the snapshots, because temporary overlays are not possible: {e.Message}");
            }
        }

        if (overlays.Method is not null)
        {
            parts.Add(Plan(overlays.Method, overlays.Disks));
        }

        // In the order in which the disks' methods come first.
        parts = [.. parts.OrderBy(part => groups.FindIndex(group => group.Method == part.Method))];
        return new SetActs(set, targets, [.. parts.Select(part => part.Steps)], [], new HashSet<string>(StringComparer.Ordinal), NeedPause(parts));

        Part Plan(SnapshotMethod method, IReadOnlyList<SnapshotTarget> disks)
        {
            string[] taken = [.. parts.SelectMany(other => other.Steps.Disks).SelectMany(disk => disk.Files)];
            return new Part(method, method.Plan(requestFor(disks) with { Taken = taken }));
        }

        SetActs WithTemporaryOverlays()
        {
            var overlay = methods.TemporaryOverlay;
            var settings = DiskSnapshotMethod.Parse(overlay.Name);
            IReadOnlyList<SnapshotTarget> temporary =
            [
                .. groups.Where(group => waiting.Exists(part => part.Method == group.Method))
                    .SelectMany(group => group.Disks)
                    .Select(disk => methods.Select(disk.Context, settings) with { IsTemporary = true }),
            ];
            var switching = Plan(overlay, [.. overlays.Disks ?? [], .. temporary]);
            return new SetActs(
                set,
                targets,
                [switching.Steps, .. parts.Except(waiting).Select(part => part.Steps)],
                [.. waiting.Select(part => part.Steps)],
                temporary.Select(disk => disk.Disk.Target).ToHashSet(StringComparer.Ordinal),
                NeedPause([switching, .. parts.Except(waiting)]));
        }

        static bool NeedPause(IEnumerable<Part> within) => within.Any(part => part.Method.Traits.NeedsVcpuPause);
    }

    /// <summary>Adds the set and the disk's image to a record.</summary>
    private static PlannedSnapshot Stamp(PlannedSnapshot disk, SetIdentity set) =>
        disk with { Record = disk.Record with { Set = set, Image = disk.Disk.Source.ToString() } };

    private sealed record Part(SnapshotMethod Method, ISnapshotSteps Steps);
}
