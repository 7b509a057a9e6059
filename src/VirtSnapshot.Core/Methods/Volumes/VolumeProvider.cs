using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>A method that snapshots the volume under a disk's image: the domain and its disks stay as they are.</summary>
internal sealed class VolumeProvider(IVolumeDriver driver) : ISnapshotProvider
{
    public string Method => driver.Method;

    public StorageLevel Level => driver.Level;

    public MethodFit Judge(CandidateDisk candidate)
    {
        var stack = candidate.Stack;
        if (stack.MissingSource is { } missing)
        {
            return MethodFit.Impossible($"there is nothing at '{missing}' on the host");
        }

        var fit = driver.Judge(stack);
        return fit.Volume is null
            ? MethodFit.Impossible(fit.Reason)
            : WhyOutside(stack, fit.Volume) is { } outside
                ? MethodFit.Impossible(outside)
                : new MethodFit(fit.Rank, fit.Reason, fit.Volume.Root is null ? StorageLevel.Device : null);
    }

    public ISnapshotAct Plan(SnapshotOrder order)
    {
        var label = SnapshotLabel.Of(order.Set);

        // Another method may put its snapshots into the same folder.
        var firstNumber = order.Taken.Count(name => name.Contains(label, StringComparison.Ordinal));
        var parts = order.Disks
            .GroupBy(chosen => driver.Judge(chosen.Disk.Stack).Volume!)
            .Select((part, index) =>
            {
                var number = firstNumber + index;
                var disks = part.Select(chosen => chosen.Disk).ToList();
                var method = part.First().Method;
                if (part.FirstOrDefault(chosen => chosen.Method.Xml != method.Xml).Disk is { } other)
                {
                    throw new VirtSnapshotException(
                        FailureKind.InvalidOperation,
                        "MethodsDiffer",
                        other.Disk,
                        $"Disks '{disks[0].Disk.Target}' and '{other.Disk.Target}' of domain '{order.Domain.Name}' lie in one volume, '{part.Key.Name}', of which one snapshot serves both, but their "
                        + "<diskSnapshot> elements differ. Nothing was touched. Make them the same with Set-DiskSnapshotMethod, or give -Method.");
                }

                foreach (var disk in disks)
                {
                    if (VolumeImages.WhyNotHeld(order.Host, part.Key, disk.Stack) is { } why)
                    {
                        throw new VirtSnapshotException(
                            FailureKind.InvalidOperation,
                            "MethodUnsuitable",
                            disk.Disk,
                            $"Method '{Method}' cannot snapshot disk '{disk.Disk.Target}' of domain '{order.Domain.Name}': {why}. Nothing was touched.");
                    }
                }

                var volumeOrder = new VolumeOrder(
                    order.Host, order.Domain, part.Key, order.Set.Group, number == 0 ? label : $"{label}-{number}", method, [.. disks.Select(disk => disk.Disk)], disks[0].Stack, order.Warn);
                return new VolumePart(driver.Plan(volumeOrder), disks, driver.IsSlow(volumeOrder));
            })
            .ToList();
        return new VolumeAct(order.Host, driver, parts);
    }

    public IRemoval PlanRemoval(RemovalOrder order) => new VolumeRemoval(order, driver);

    public RecordedDisk Verify(RecordOrder order, RecordedDisk record, DiskSource? image)
    {
        var snapshot = VolumeSnapshot.Read(record);
        if (driver.WhyNotOurs(order.Host, snapshot, record.Set!) is { } why)
        {
            throw record.ToForeign(order.Domain, why);
        }

        if (image is null)
        {
            // The snapshot is ours, and may hold others' images as well: which of them was the disk's, only the disk tells.
            return record with { Source = DiskSource.None };
        }

        var device = snapshot.Volume.Root is null ? driver.DeviceOf(snapshot.Volume) : null;
        if (record.Source.Path is not { } source || !HostPath.IsPlain(source) || FileRestoration.OriginalOf(snapshot, source) is not { } original)
        {
            throw record.ToForeign(order.Domain, $"its source '{record.Source}' is not in the snapshot '{snapshot.Name}'");
        }

        RefuseOtherImage(order, record, snapshot, device ?? original);
        return record with { Source = DiskSource.ForPath(source, image.Format, isBlockDevice: device is not null) };
    }

    public SnapshotState Check(RecordOrder order, RecordedDisk record)
    {
        try
        {
            var state = driver.Check(order.Host, VolumeSnapshot.Read(record));
            return state != SnapshotState.Available ? state
                : record.Source.Path is not { } path ? SnapshotState.Unverified
                : order.Host.Stat(path, followLink: true) is null ? SnapshotState.Missing : state;
        }
        catch (VirtSnapshotException e) when (e.ErrorId != "HostUnreachable")
        {
            // A list of all snapshots is not to fail because the tools for one of them are missing, or not ours to use.
            return SnapshotState.Unverified;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return SnapshotState.Unverified;
        }
    }

    public bool IsHidden(RecordOrder order, RecordedDisk record) => Check(order, record) == SnapshotState.Missing && driver.Exists(order.Host, VolumeSnapshot.Read(record));

    public void Expose(RecordOrder order, RecordedDisk record) => driver.Expose(order.Host, VolumeSnapshot.Read(record));

    public double? ReadFill(RecordOrder order, RecordedDisk record) => driver.ReadFill(order.Host, VolumeSnapshot.Read(record));

    /// <summary>Others' snapshots of a volume are nothing that a user would ask us about.</summary>
    public IReadOnlyList<RecordedDisk> FindUnrecorded(RecordOrder order, IReadOnlyList<RecordedDisk> recorded, Func<ImageUse> use) => [];

    public IRecovery PlanRecovery(RecordOrder order, IReadOnlyList<RecordedDisk> journaled) => new VolumeRecovery(order, driver, journaled);

    public IReadOnlyList<IDiskRestoration> PlanRestoration(RestoreOrder order)
    {
        var use = new Lazy<ImageUse>(() => ImageUse.Read(order));
        return [.. order.Disks.Select(record => IsDevice(record) ? PlanDevice(record) : FileRestorePlanner.Plan(order, driver, use.Value, record))];

        IDiskRestoration PlanDevice(RecordedDisk record)
        {
            var disk = order.Domain.FindDisk(record.Target)!;
            var restoration = driver.PlanRestoration(order, record);
            LiveSource.RefuseOther(order, disk, restoration.Device, VolumeSnapshot.Read(record).Name);
            LiveSource.RefuseUsers(order, use.Value, disk, restoration.Device);
            return restoration;
        }
    }

    public IDiskRestoration ResumeRestoration(RecordOrder order, RestoredDisk disk) =>
        IsDevice(disk.Record) ? driver.ResumeRestoration(order, disk) : new FileRestoration(order, disk);

    /// <summary>A snapshot of a volume may hold the images of other domains as well.</summary>
    private static void RefuseOtherImage(RecordOrder order, RecordedDisk record, VolumeSnapshot snapshot, string original)
    {
        if (order.IsSameFile(original, record.Image))
        {
            return;
        }

        throw order.Host.Stat(original, followLink: true) is not null && order.Host.Stat(record.Image, followLink: true) is not null
            ? record.ToForeign(order.Domain, $"the snapshot '{snapshot.Name}' holds '{original}', and not '{record.Image}'")
            : new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "SourceMissing",
                order.Domain,
                $"Whether the snapshot '{snapshot.Name}' is of disk '{record.Target}' of domain '{order.Domain.Name}' cannot be told, since "
                + $"'{original}' or '{record.Image}' is not there. Nothing was touched. "
                + "Make them visible again (mount the file system, activate the volume), and try again.");
    }

    private static bool IsDevice(RecordedDisk record) => record.Source.Type == DiskSourceType.Block;

    /// <summary>A snapshot holds only the images inside its volume, and a name that leads out of it leads to what the domain goes on changing.</summary>
    private static string? WhyOutside(StorageStack stack, Volume volume)
    {
        var fileSystem = stack.Find<FileSystemLayer>();
        var above = fileSystem?.File;
        foreach (var backing in stack.Find<ImageLayer>()?.BackingChain ?? [])
        {
            // A folder below the root may be another mount's, or another subvolume's.
            if (volume.Root is null || above is null || backing.FileSystem is not { } there
                || there.MountPoint != fileSystem!.MountPoint
                || (volume.Root == fileSystem.Subvolume && there.Subvolume != fileSystem.Subvolume)
                || !IsBelow(there.File, volume.Root))
            {
                return $"its backing image '{backing}' lies outside of '{volume.Name}', so a snapshot of that would not hold it";
            }

            if (Path.IsPathRooted(backing.Written) || backing.Written.Contains(':', StringComparison.Ordinal))
            {
                return $"its backing image is named as '{backing.Written}', which leads out of a snapshot of '{volume.Name}': only a name relative to the image stays inside "
                    + "('qemu-img rebase -u -b' changes it while the domain is shut off)";
            }

            if (Path.GetFullPath(backing.Written, Path.GetDirectoryName(above)!) != there.File)
            {
                return $"its backing image is named as '{backing.Written}', which leads to '{there.File}' through a link, and in a snapshot of '{volume.Name}' that may lead elsewhere";
            }

            above = there.File;
        }

        return null;
    }

    private static bool IsBelow(string path, string root) => root == "/" || path.StartsWith(root + "/", StringComparison.Ordinal);
}
