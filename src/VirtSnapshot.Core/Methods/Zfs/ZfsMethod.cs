using System.Globalization;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>Method <c>zfs</c>: snapshots of datasets, for images that are files, and of ZFS volumes (zvols), for disks that are zvols.</summary>
/// <remarks>
/// <para>Facts (the manual pages and source of OpenZFS, and tests with 2.1.11):</para>
/// <list type="bullet">
/// <item>A snapshot holds every write that returned before it, flushed or not. All datasets and zvols of one pool in one command
/// <c>zfs snapshot a@x b@x</c> are snapshotted atomically, in one transaction group. Two pools are not.</item>
/// <item>A snapshot waits until that transaction group is written, so it takes longer with more dirty data: <c>zpool sync</c> before the freeze shortens
/// the freeze.</item>
/// <item>Files are read at <c>MOUNTPOINT/.zfs/snapshot/NAME</c>, also with <c>snapdir=hidden</c>. The kernel mounts it on first access, and unmounts it
/// after 300 s without use and when the snapshot is destroyed. It cannot be accessed through a bind mount ("Too many levels of symbolic links"). A domain
/// started while it is mounted has it in its own mount namespace: where the host's mounts are not shared (under systemd they are), the snapshot is busy
/// until that domain stops. A nested dataset has its own snapshots, so it is empty there.</item>
/// <item>A zvol's snapshot has a device only while the zvol has <c>snapdev=visible</c>. That is the user's property, and applies to all snapshots of the
/// zvol, so it is not changed: a clone is made beside the zvol. It uses no space, keeps its snapshot, and is <c>readonly=on</c>, so the kernel rejects
/// writes; <c>volmode=dev</c> prevents a scan for partitions in the guest's data; <c>com.sun:auto-snapshot=false</c> excludes it from automatic snapshots.
/// udev names its node, with <c>+</c> for blanks.</item>
/// <item>A hold makes every <c>zfs destroy</c> fail with "dataset is busy" until it is released; so do a clone, an open file and a running
/// <c>zfs send</c>.</item>
/// <item>A zvol with a <c>refreservation</c> (any that is not sparse) can be snapshotted only while the pool has free space for all of its data a second
/// time.</item>
/// <item>A pool whose devices are missing is suspended, and commands such as <c>zpool sync</c> block for ever. So its health is checked first.</item>
/// <item>Names have at most 255 bytes, including the snapshot's part; letters, digits, <c>-_.:</c> and blanks are valid. <c>%</c> and <c>,</c> in the
/// argument of <c>zfs destroy</c> denote several snapshots; our names have neither.</item>
/// </list>
/// <para>A snapshot is ours if it has the set's identity in the property <c>virtsnapshot:set</c>, set locally, not inherited, by the command that took
/// it.</para>
/// </remarks>
internal sealed class ZfsMethod : VolumeMethod
{
    // With less, the guest would soon be paused by a full pool: the old version of each overwritten block is kept.
    private const long LeastFreeBytes = 16 << 20;
    private static readonly TimeSpan NodePatience = TimeSpan.FromSeconds(30);

    public override string Name => "zfs";

    public override MethodTraits Traits { get; } = new(StorageLevel.FileSystem, NeedsVcpuPause: true);

    public override VolumeFit FindVolume(StorageStack stack)
    {
        var image = stack.Find<ImageLayer>();
        var fit = stack.Layers.FirstOrDefault(layer => layer is not ImageLayer) switch
        {
            FileSystemLayer { Type: "zfs", Root: "/" } files when ZfsName.IsDataset(files.Source) =>
                new VolumeFit(
                    new Volume(files.Source, files.MountPoint),
                    MethodRank.Default,
                    $"it is a raw image in dataset '{files.Source}', which ZFS snapshots at once"),
            FileSystemLayer { Type: "zfs" } files => VolumeFit.Impossible($"'{files.Source}', mounted at '{files.MountPoint}', is not a whole dataset"),
            FileSystemLayer files => VolumeFit.Impossible($"it is in a file system of type {files.Type}, not in a ZFS dataset"),
            ZvolLayer zvol when ZfsName.IsDataset(zvol.Dataset) =>
                new VolumeFit(new Volume(zvol.Dataset, null), MethodRank.Default, $"it is the ZFS volume '{zvol.Dataset}'"),
            _ => VolumeFit.Impossible("it is neither in a ZFS dataset nor on a ZFS volume"),
        };
        return fit.Rank == MethodRank.Default && image is { Format: not "raw" }
            ? fit with { Rank = MethodRank.Possible, Reason = $"its {image.Format} image is in '{fit.Volume!.Name}', which ZFS snapshots at once" }
            : fit;
    }

    public override VolumeSnapshot PlanVolume(VolumeRequest request)
    {
        var (volume, target) = (request.Volume, request.Disks[0]);
        var zfs = new ZfsPrograms(request.Host);
        zfs.RequirePool(ZfsName.PoolOf(volume.Name), isWritten: true);
        var facts = zfs.Find(volume.Name, "available", "usedbydataset", "refreservation", "usedbyrefreservation", "mountpoint")
            ?? throw Refuse(FailureKind.ObjectNotFound, "SourceMissing", $"there is no dataset '{volume.Name}'. Nothing was touched");
        var mountPoint = volume.Root is null ? null : MountOf(request.Host, volume.Root, facts["mountpoint"].Value);
        var planned = ZfsSnapshot.Plan(volume, request.Label, request.Group, mountPoint);
        if (planned.Names.FirstOrDefault(name => name.Length > ZfsName.Longest) is { } tooLong)
        {
            throw Refuse(
                FailureKind.InvalidArgument,
                "InvalidSnapshotName",
                $"the name '{tooLong}' is longer than the {ZfsName.Longest} bytes that ZFS allows. Nothing was touched. Choose a shorter -Name");
        }

        if (planned.Names.FirstOrDefault(name => zfs.Find(name, "type") is not null) is { } taken)
        {
            throw VolumeFailure.NameTaken(request, taken);
        }

        if (volume.Root is not null && request.Host.Stat(Path.GetDirectoryName(planned.At)!) is not { IsDirectory: true })
        {
            throw VolumeFailure.Unsuitable(
                request,
                $"the snapshots of dataset '{volume.Name}' are not accessible, because there is no folder '{Path.GetDirectoryName(planned.At)}'; "
                + "if 'zfs get snapdir' prints 'disabled', set it to 'hidden'");
        }

        long Bytes(string property) =>
            long.TryParse(facts[property].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : 0;
        var free = Bytes("available") - Bytes("usedbyrefreservation");
        var needed = Math.Max(LeastFreeBytes, Math.Min(Bytes("usedbydataset"), Bytes("refreservation")));
        return free >= needed
            ? planned.ToSnapshot()
            : throw Refuse(
                FailureKind.QuotaExceeded,
                "NoSpace",
                $"'{volume.Name}' has {free >> 20} MiB free, and a snapshot of it needs {needed >> 20} MiB"
                + $"{(needed > LeastFreeBytes ? ": its data and its reservation a second time" : "")}. Nothing was touched. "
                + "Free space in the pool or raise its quotas"
                + $"{(needed > LeastFreeBytes ? $", or remove the reservation with 'zfs set refreservation=none {volume.Name}'" : "")}");

        VirtSnapshotException Refuse(FailureKind kind, string errorId, string why) => new(
            kind, errorId, target, $"Disk '{target.Target}' of domain '{request.Domain.Name}' cannot be snapshotted by method '{Name}': {why}.");
    }

    public override void Prepare(IHost host, VolumeSnapshot snapshot)
    {
        var zfs = new ZfsPrograms(host);
        if (snapshot.Volume.Root is null)
        {
            // Writes through the page cache of its device have not reached ZFS yet.
            zfs.Do("sync", ["-d", ZfsName.NodeOf(snapshot.Volume.Name)], snapshot.Name);
        }

        zfs.Do("zpool", ["sync", ZfsName.PoolOf(snapshot.Volume.Name)], snapshot.Name);
    }

    public override void Take(IHost host, IReadOnlyList<VolumeSnapshot> snapshots)
    {
        var zfs = new ZfsPrograms(host);
        foreach (var pool in snapshots.Select(ZfsSnapshot.Read).GroupBy(snapshot => (ZfsName.PoolOf(snapshot.Name), snapshot.Set)))
        {
            var names = pool.Select(snapshot => snapshot.Name).ToList();
            zfs.Do("zfs", ["snapshot", "-o", $"{ZfsSnapshot.Mark}={pool.Key.Set}", .. names], string.Join(", ", names));
        }
    }

    public override void Expose(IHost host, VolumeSnapshot snapshot)
    {
        var (zfs, planned) = (new ZfsPrograms(host), ZfsSnapshot.Read(snapshot));
        zfs.Hold(planned.Name);
        if (planned.CloneName is null)
        {
            return;
        }

        try
        {
            zfs.Do(
                "zfs",
                [
                    "clone", "-o", "readonly=on", "-o", "volmode=dev", "-o", "com.sun:auto-snapshot=false", "-o", $"{ZfsSnapshot.Mark}={planned.Set}",
                    planned.Name, planned.CloneName,
                ],
                planned.CloneName);
        }
        catch (VirtSnapshotException e) when (e.ErrorId == "SnapshotExists"
            && zfs.Find(planned.CloneName, ZfsSnapshot.Mark, "origin") is { } clone && planned.IsOurClone(clone))
        {
            // An earlier run has made it.
        }

        if (!IsReadOnly(host, planned))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidResult,
                "SnapshotNotTaken",
                snapshot.At,
                $"The device '{snapshot.At}' of snapshot '{planned.Name}' is writable.");
        }
    }

    public override string? WhyNotOurs(IHost host, VolumeSnapshot snapshot, SetIdentity set)
    {
        var planned = ZfsSnapshot.Read(snapshot);
        return planned switch
        {
            _ when planned.Set != $"{set.Group:D}" => $"'{planned.Set}' is not its set",
            _ when !SnapshotLabel.IsOf(planned.Label, set) => $"'{planned.Name}' is not the name of its snapshot",
            { Volume.Root: { } root } when planned.MountPoint is { } mounted && host.Stat(mounted) is { } own && host.Stat(root)?.IsSameFileAs(own) == false =>
                $"'{snapshot.At}' is not in the dataset that is mounted at '{root}'",
            _ => null,
        };
    }

    public override string? DeviceOf(Volume volume) => ZfsName.NodeOf(volume.Name);

    public override SnapshotState Check(IHost host, VolumeSnapshot snapshot)
    {
        var (zfs, planned) = (new ZfsPrograms(host), ZfsSnapshot.Read(snapshot));
        if (zfs.Find(planned.Name, ZfsSnapshot.Mark) is not { } facts)
        {
            return SnapshotState.Missing;
        }

        if (!planned.IsOurs(facts))
        {
            return SnapshotState.Invalid;
        }

        if (planned.CloneName is null)
        {
            return SnapshotState.Available;
        }

        return zfs.Find(planned.CloneName, ZfsSnapshot.Mark, "origin", "readonly") is not { } clone
            ? SnapshotState.Missing
            : planned.IsOurClone(clone) && clone["readonly"].Value == "on" ? SnapshotState.Available : SnapshotState.Invalid;
    }

    public override string? WhyInUse(IHost host, VolumeSnapshot snapshot) => new ZfsRemoval(host, ZfsSnapshot.Read(snapshot)).WhyInUse();

    public override bool Delete(IHost host, VolumeSnapshot snapshot) => new ZfsRemoval(host, ZfsSnapshot.Read(snapshot)).Run();

    public override bool Exists(IHost host, VolumeSnapshot snapshot) => new ZfsRemoval(host, ZfsSnapshot.Read(snapshot)).HasAnything();

    public override DeviceRestoration PlanDeviceRestoration(RestoreRequest request, SnapshotRecord record) => ZvolRollback.Plan(request, record);

    public override DeviceRestoration ResumeDeviceRestoration(MethodRequest request, RestoreRecord disk) => new ZvolRollback(request, disk);

    /// <summary>A bind mount shows the folder of the snapshots, but access to a snapshot there fails: the dataset's own mount point is needed.</summary>
    private static string MountOf(IHost host, string root, string mountPoint) =>
        mountPoint.StartsWith('/') && host.Stat(mountPoint) is { } own && host.Stat(root) is { } other && own.IsSameFileAs(other)
            ? mountPoint
            : root;

    /// <summary>The kernel creates the device, and udev its link, some time after the clone; and the link can disappear for a moment.</summary>
    private static bool IsReadOnly(IHost host, ZfsSnapshot planned)
    {
        var giveUp = DateTime.UtcNow + NodePatience;
        while (true)
        {
            var result = host.RunAsRoot("blockdev", ["--getro", planned.At]);
            if (result.Succeeded)
            {
                return result.Output.Trim() == "1";
            }

            if (DateTime.UtcNow > giveUp)
            {
                throw new VirtSnapshotException(
                    FailureKind.InvalidResult,
                    "SnapshotNotTaken",
                    planned.At,
                    $"The snapshot '{planned.Name}' was taken, but its device '{planned.At}' cannot be opened after {NodePatience.TotalSeconds:0} s "
                    + $"({result.ToolError}). Check that udev runs, with the rules of ZFS.");
            }

            Thread.Sleep(50);
        }
    }
}
