using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>A method that snapshots the volume under a disk's image: the domain and its disks stay as they are.</summary>
internal sealed class VolumeMethod(IVolumeDriver driver) : SnapshotMethod
{
    public string Method => driver.Method;

    public StorageLevel Level => driver.Level;

    public MethodFit Probe(DiskContext candidate)
    {
        var stack = candidate.Stack;
        if (stack.MissingSource is { } missing)
        {
            return MethodFit.Impossible($"there is nothing at '{missing}' on the host");
        }

        var fit = driver.Probe(stack);
        return fit.Volume is null
            ? MethodFit.Impossible(fit.Reason)
            : WhyOutside(stack, fit.Volume) is { } outside
                ? MethodFit.Impossible(outside)
                : new MethodFit(fit.Rank, fit.Reason, fit.Volume.Root is null ? StorageLevel.Device : null);
    }

    public SnapshotSteps Plan(PlanRequest request)
    {
        var label = SnapshotLabel.Of(request.Set);

        // Another method may put its snapshots into the same folder.
        var firstNumber = request.Taken.Count(name => name.Contains(label, StringComparison.Ordinal));
        var parts = request.Disks
            .GroupBy(chosen => driver.Probe(chosen.Disk.Stack).Volume!)
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
                        $"Disks '{disks[0].Disk.Target}' and '{other.Disk.Target}' of domain '{request.Domain.Name}' lie in one volume, '{part.Key.Name}', of which one snapshot serves both, but their "
                        + "<diskSnapshot> elements differ. Nothing was touched. Make them the same with Set-DiskSnapshotMethod, or give -Method.");
                }

                foreach (var disk in disks)
                {
                    if (VolumeImages.WhyNotHeld(request.Host, part.Key, disk.Stack) is { } why)
                    {
                        throw new VirtSnapshotException(
                            FailureKind.InvalidOperation,
                            "MethodUnsuitable",
                            disk.Disk,
                            $"Method '{Method}' cannot snapshot disk '{disk.Disk.Target}' of domain '{request.Domain.Name}': {why}. Nothing was touched.");
                    }
                }

                var volumeOrder = new VolumeRequest(
                    request.Host, request.Domain, part.Key, request.Set.Group, number == 0 ? label : $"{label}-{number}", method, [.. disks.Select(disk => disk.Disk)], disks[0].Stack, request.Warn);
                return new VolumePart(driver.Plan(volumeOrder), disks, driver.IsSlow(volumeOrder));
            })
            .ToList();
        return new VolumeAct(request.Host, driver, parts);
    }

    public IRemoval PlanRemoval(RemovalRequest request) => new VolumeRemoval(request, driver);

    public SnapshotRecord Verify(MethodRequest request, SnapshotRecord record, DiskSource? image)
    {
        var snapshot = VolumeSnapshot.Read(record);
        if (driver.WhyNotOurs(request.Host, snapshot, record.Set!) is { } why)
        {
            throw record.ToForeign(request.Domain, why);
        }

        if (image is null)
        {
            // The snapshot is ours, and may hold others' images as well: which of them was the disk's, only the disk tells.
            return record with { Source = DiskSource.None };
        }

        var device = snapshot.Volume.Root is null ? driver.DeviceOf(snapshot.Volume) : null;
        if (record.Source.Path is not { } source || !HostPath.IsPlain(source) || FileRestoration.OriginalOf(snapshot, source) is not { } original)
        {
            throw record.ToForeign(request.Domain, $"its source '{record.Source}' is not in the snapshot '{snapshot.Name}'");
        }

        RefuseOtherImage(request, record, snapshot, device ?? original);
        return record with { Source = DiskSource.ForPath(source, image.Format, isBlockDevice: device is not null) };
    }

    public SnapshotState Check(MethodRequest request, SnapshotRecord record)
    {
        try
        {
            var state = driver.Check(request.Host, VolumeSnapshot.Read(record));
            return state != SnapshotState.Available ? state
                : record.Source.Path is not { } path ? SnapshotState.Unverified
                : request.Host.Stat(path, followLink: true) is null ? SnapshotState.Missing : state;
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

    public bool IsHidden(MethodRequest request, SnapshotRecord record) => Check(request, record) == SnapshotState.Missing && driver.Exists(request.Host, VolumeSnapshot.Read(record));

    public void Expose(MethodRequest request, SnapshotRecord record) => driver.Expose(request.Host, VolumeSnapshot.Read(record));

    public double? ReadUsage(MethodRequest request, SnapshotRecord record) => driver.ReadUsage(request.Host, VolumeSnapshot.Read(record));

    /// <summary>Others' snapshots of a volume are nothing that a user would ask us about.</summary>
    public IReadOnlyList<SnapshotRecord> FindUnrecorded(MethodRequest request, IReadOnlyList<SnapshotRecord> recorded, Func<ImageUse> use) => [];

    public IRecovery PlanRecovery(MethodRequest request, IReadOnlyList<SnapshotRecord> journaled) => new VolumeRecovery(request, driver, journaled);

    public IReadOnlyList<IDiskRestoration> PlanRestoration(RestoreRequest request)
    {
        var use = new Lazy<ImageUse>(() => ImageUse.Read(request));
        return [.. request.Disks.Select(record => IsDevice(record) ? PlanDevice(record) : FileRestorePlanner.Plan(request, driver, use.Value, record))];

        IDiskRestoration PlanDevice(SnapshotRecord record)
        {
            var disk = request.Domain.FindDisk(record.Target)!;
            var restoration = driver.PlanRestoration(request, record);
            LiveSource.RefuseOther(request, disk, restoration.Device, VolumeSnapshot.Read(record).Name);
            LiveSource.RefuseUsers(request, use.Value, disk, restoration.Device);
            return restoration;
        }
    }

    public IDiskRestoration ResumeRestoration(MethodRequest request, RestoreRecord disk) =>
        IsDevice(disk.Record) ? driver.ResumeRestoration(request, disk) : new FileRestoration(request, disk);

    /// <summary>A snapshot of a volume may hold the images of other domains as well.</summary>
    private static void RefuseOtherImage(MethodRequest request, SnapshotRecord record, VolumeSnapshot snapshot, string original)
    {
        if (request.IsSameFile(original, record.Image))
        {
            return;
        }

        throw request.Host.Stat(original, followLink: true) is not null && request.Host.Stat(record.Image, followLink: true) is not null
            ? record.ToForeign(request.Domain, $"the snapshot '{snapshot.Name}' holds '{original}', and not '{record.Image}'")
            : new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "SourceMissing",
                request.Domain,
                $"Whether the snapshot '{snapshot.Name}' is of disk '{record.Target}' of domain '{request.Domain.Name}' cannot be told, since "
                + $"'{original}' or '{record.Image}' is not there. Nothing was touched. "
                + "Make them visible again (mount the file system, activate the volume), and try again.");
    }

    private static bool IsDevice(SnapshotRecord record) => record.Source.Type == DiskSourceType.Block;

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
