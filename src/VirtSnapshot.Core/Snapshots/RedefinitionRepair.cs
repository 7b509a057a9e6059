using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// Reattaches the newest data to a domain that was defined again from an old XML, or keeps it aside. Each step can be repeated: records are written before a
/// disk is switched, and a disk that is not switched yet is found again.
/// </summary>
internal sealed class RedefinitionRepair
{
    private readonly DomainSession session;
    private readonly IReadOnlyList<(VmDisk Live, VmDisk Stored)> behind;
    private readonly IReadOnlyList<LostDisk> unrecorded;
    private readonly IReadOnlyList<IReadOnlyList<LostDisk>> detached;
    private readonly DetachedOverlay choice;

    private RedefinitionRepair(
        DomainSession session,
        IReadOnlyList<(VmDisk Live, VmDisk Stored)> behind,
        IReadOnlyList<LostDisk> unrecorded,
        IReadOnlyList<IReadOnlyList<LostDisk>> detached,
        DetachedOverlay choice)
    {
        this.session = session;
        this.behind = behind;
        this.unrecorded = unrecorded;
        this.detached = detached;
        this.choice = choice;
    }

    /// <summary>What would be done, in words.</summary>
    public string Description => string.Join("; ", behind
        .Select(disk => $"let the stored definition of disk '{disk.Live.Target}' start from '{disk.Live.Source}', which the guest writes to, and not "
            + $"from '{disk.Stored.Source}'")
        .Concat(unrecorded.Select(lost => $"record snapshot '{lost.Record.Set!.Name}' of disk '{lost.Record.Target}' again"))
        .Concat(detached.Select(disk => choice == DetachedOverlay.Reattach
            ? $"reattach '{disk[^1].File}' to disk '{disk[0].Record.Target}', with the data written after snapshot '{disk[^1].Record.Set!.Name}'"
            : $"keep {string.Join(", ", disk.Select(layer => $"'{layer.File}'"))} of disk '{disk[0].Record.Target}' aside in another file")));

    /// <summary>Whether there is anything to repair or report.</summary>
    public static bool IsNeeded(MethodRegistry methods, MethodRequest request) => Redefinition.FindBehind(request).Count > 0
        || FindLost(methods, request) is { Count: > 0 } lost && (lost.Any(disk => !disk.IsInChain) || FindUnrecorded(request.Domain, lost).Count > 0);

    /// <summary>Null where there is nothing to do, or where a warning asks the user to choose first.</summary>
    /// <exception cref="VirtSnapshotException"><c>DomainRunning</c>, <c>NotReattachable</c>, <c>SourceShared</c>; nothing was touched.</exception>
    public static RedefinitionRepair? Plan(DomainSession session, DetachedOverlay? choice, IRunReporter reporter)
    {
        var request = session.ToRequest();
        var lost = FindLost(session.Engine.Methods, request);
        var allBehind = Redefinition.FindBehind(request);

        // Overlays of other tools are ignored: the administrator may have removed them from the definition on purpose.
        var behind = allBehind.Where(disk => lost.Any(own => own.IsInChain && own.File == disk.Live.Source.Path)).ToList();
        Redefinition.Describe(allBehind.Except(behind)).ToList().ForEach(reporter.Warning);
        var unrecorded = FindUnrecorded(session.Domain, lost);
        IReadOnlyList<IReadOnlyList<LostDisk>> detached =
        [
            .. lost.Where(disk => !disk.IsInChain && (disk.WhyUseless is null || choice == DetachedOverlay.KeepAside))
                .GroupBy(disk => disk.Record.Target)
                .Select(disk => disk.ToList()),
        ];
        if (choice is null)
        {
            Redefinition.Describe(session.Domain, lost).ToList().ForEach(reporter.Warning);
            detached = [];
        }
        else if (choice == DetachedOverlay.Reattach)
        {
            Redefinition.Describe(session.Domain, [.. lost.Where(disk => disk.WhyUseless is not null)]).ToList().ForEach(reporter.Warning);
        }

        foreach (var disk in detached)
        {
            Refuse(session.Engine.Methods, request, disk, choice!.Value);
        }

        return behind.Count + unrecorded.Count + detached.Count > 0
            ? new RedefinitionRepair(session, behind, unrecorded, detached, choice ?? DetachedOverlay.KeepAside)
            : null;
    }

    /// <exception cref="VirtSnapshotException">It failed; it can be repeated.</exception>
    public RepairResult Run()
    {
        var details = new List<string>();
        Record(unrecorded);
        details.AddRange(unrecorded.Select(lost => $"Disk '{lost.Record.Target}': snapshot '{lost.Record.Set!.Name}' is recorded again, as crash-consistent."));
        foreach (var (live, stored) in behind)
        {
            StoredDisk.PointTo(session.ToRequest(), live.Target, live.Source);
            details.Add($"Disk '{live.Target}': its stored definition starts from '{live.Source}' again, and not from '{stored.Source}'.");
        }

        if (behind.Count > 0)
        {
            // The definition that was replaced had them; the running one has them still.
            session.Reread();
            foreach (var set in SnapshotCatalog.Read(session.Domain))
            {
                SnapshotCatalog.Write(session.Native, session.Domain, set);
            }
        }

        foreach (var disk in detached)
        {
            details.Add(choice == DetachedOverlay.Reattach ? Reattach(disk) : KeepAside(disk));
        }

        var action = detached.Count > 0 && choice == DetachedOverlay.KeepAside ? RepairAction.KeptAside
            : detached.Count + behind.Count > 0 ? RepairAction.Reattached : RepairAction.Recorded;
        return new RepairResult(session.Domain.Name, action, details, session.Domain.Uri);
    }

    /// <summary>An inaccessible host is not an error here: the domain may have no snapshot at all.</summary>
    private static IReadOnlyList<LostDisk> FindLost(MethodRegistry methods, MethodRequest request)
    {
        try
        {
            return Redefinition.FindLost(methods, request, new FolderListing());
        }
        catch (VirtSnapshotException e) when (e.ErrorId is "HostUnreachable" or "SudoRefused")
        {
            return [];
        }
    }

    /// <summary>Layers that no record explains. A record that cannot be read may be theirs, and is not overwritten.</summary>
    private static List<LostDisk> FindUnrecorded(VmDomain domain, IReadOnlyList<LostDisk> lost)
    {
        var (recorded, damaged) = (SnapshotCatalog.ReadDisks(domain), SnapshotCatalog.ReadDamaged(domain));
        return
        [
            .. lost.Where(disk => disk.IsInChain
                && !recorded.Any(record => IsSame(record, disk.Record))
                && !damaged.Any(record => record.Group == disk.Record.Set!.Group)),
        ];
    }

    private static void Refuse(MethodRegistry methods, MethodRequest request, IReadOnlyList<LostDisk> disk, DetachedOverlay choice)
    {
        var (domain, target) = (request.Domain, disk[0].Record.Target);
        SnapshotCatalog.RefuseDamaged(domain, target, domain);
        var provider = OverlayMethodOf(methods, disk[0].Record, domain);
        IReadOnlyList<SnapshotRecord> records = [.. disk.Select(layer => layer.Record)];
        if (choice == DetachedOverlay.KeepAside)
        {
            if (provider.WhyNotKeptAside(request, records) is { } user)
            {
                throw new VirtSnapshotException(
                    FailureKind.ResourceBusy,
                    "SourceShared",
                    domain.FindDisk(target),
                    $"'{disk[^1].File}' of disk '{target}' of domain '{domain.Name}' cannot be kept aside: {user}. Nothing was touched.");
            }

            return;
        }

        if (domain.IsActive)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "DomainRunning",
                domain,
                $"Domain '{domain.Name}' is running, so '{disk[^1].File}' cannot be reattached to its disk '{target}'. Nothing was touched. Shut it off "
                + "first: what it writes now does not match the data in that file.");
        }

        if (provider.WhyNotReattachable(request, records) is { } why)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "NotReattachable",
                domain.FindDisk(target),
                $"'{disk[^1].File}' cannot be reattached to disk '{target}' of domain '{domain.Name}': {why}. Nothing was touched. '-DetachedOverlay "
                + "KeepAside' keeps it in another file.");
        }
    }

    private static IOverlayMethod OverlayMethodOf(MethodRegistry methods, SnapshotRecord record, VmDomain domain) =>
        (IOverlayMethod)methods.Find(record.Method, domain);

    private static bool IsSame(SnapshotRecord record, SnapshotRecord other) => record.Set?.Group == other.Set?.Group && record.IsSameAs(other);

    private string Reattach(IReadOnlyList<LostDisk> disk)
    {
        // During the confirmation the domain may have run on the overlays' base.
        session.Reread();
        Refuse(session.Engine.Methods, session.ToRequest(), disk, choice);
        Record(disk);
        session.Engine.Reached(RunStep.Recorded);
        var (target, records) = (disk[0].Record.Target, disk.Select(layer => layer.Record).ToList());
        var before = session.Domain.FindDisk(target)!.Source;
        OverlayMethodOf(session.Engine.Methods, records[0], session.Domain).Reattach(session.ToRequest(), records);
        session.Engine.Reached(RunStep.DiskSwitched);
        session.Reread();
        if (session.Domain.IsActive && session.Domain.FindDisk(target)?.Source.IsSameAs(before) == true)
        {
            StoredDisk.PointTo(session.ToRequest(), target, before);
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "DomainStarted",
                session.Domain,
                $"Domain '{session.Domain.Name}' was started while '{disk[^1].File}' was being reattached to its disk '{target}'. It uses '{before}', "
                + "as before, and no data is lost.");
        }

        return $"Disk '{target}': reattached to '{disk[^1].File}'.";
    }

    private string KeepAside(IReadOnlyList<LostDisk> disk)
    {
        // During the confirmation the domain may have been defined with them again, and started.
        session.Reread();
        Refuse(session.Engine.Methods, session.ToRequest(), disk, choice);
        var records = disk.Select(layer => layer.Record).ToList();

        // First, because the overlays' marks suffice to repeat this.
        foreach (var set in SnapshotCatalog.Read(session.Domain))
        {
            SnapshotCatalog.Forget(session.Native, session.Domain, set, recorded => records.Exists(record => IsSame(record, recorded)));
        }

        session.Reread();
        session.Engine.Reached(RunStep.CatalogRewritten);
        var names = OverlayMethodOf(session.Engine.Methods, records[0], session.Domain).KeepAside(session.ToRequest(), records);
        var kept = $"Disk '{records[0].Target}': kept as {string.Join(", ", names.Select(name => $"'{name}'"))}. The disk does not use it.";
        return disk.All(layer => layer.WhyUseless is not null)
            ? $"{kept} Its own base is missing from the disk: {disk[0].WhyUseless}."
            : $"{kept} Its base is the disk's image: if that was not written to since, 'qemu-img convert' makes a full image from it, "
                + "before the domain is started again.";
    }

    /// <summary>It is unknown whether the guest was frozen.</summary>
    private void Record(IEnumerable<LostDisk> lost)
    {
        foreach (var set in lost.GroupBy(disk => disk.Record.Set!))
        {
            var known = SnapshotCatalog.Read(session.Domain).FirstOrDefault(other => other.Identity == set.Key)
                ?? new SnapshotSet(set.Key.Group, set.Key.Name, set.Min(disk => disk.TakenAt), null, [])
                {
                    Identity = set.Key,
                    Kept = new SetFolder(session.Host, set.Key).Adopt(),
                };
            var missing = set.Where(disk => !known.Disks.Any(other => other.Record.IsSameAs(disk.Record)));
            var added = missing.Select(disk => new SetDisk(disk.Record, Consistency.CrashConsistent, ChangedDisk: true));
            SnapshotCatalog.Write(session.Native, session.Domain, known with { Disks = [.. known.Disks, .. added] });
            session.Reread();
        }
    }
}

/// <summary>What to do with overlays that hold a disk's newest data and are not used, as after <c>virsh define</c> of an old XML.</summary>
public enum DetachedOverlay
{
    /// <summary>Reattach them to the disk of a shut-off domain, if their base has not changed since.</summary>
    Reattach,

    /// <summary>Rename them, so that they are not reported any more; the disk does not use them.</summary>
    KeepAside,
}
