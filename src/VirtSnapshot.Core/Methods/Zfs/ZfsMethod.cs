using System.Globalization;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>Method <c>zfs</c>: snapshots of datasets, for images that are files, and of ZFS volumes (zvols), for disks that are one.</summary>
/// <remarks>
/// <para>What it rests on, from the manual pages of OpenZFS and its source, tried with 2.1.11:</para>
/// <list type="bullet">
/// <item>A snapshot holds every write that returned before it, whether or not it was flushed. All datasets and zvols of one pool that one <c>zfs snapshot a@x b@x</c>
/// names are of one and the same moment: they are made in one transaction group, or none is. Two pools are two moments.</item>
/// <item>A snapshot waits for that transaction group to be written, so it lasts as long as there is dirty data: <c>zpool sync</c> before the freeze shortens the freeze.</item>
/// <item>Files are read at <c>MOUNTPOINT/.zfs/snapshot/NAME</c>, which works with <c>snapdir=hidden</c> as well. The kernel mounts it when it is first entered, unmounts it after
/// 300 s without use, and when the snapshot is destroyed. Through a bind mount it cannot be entered ("Too many levels of symbolic links"). A domain that was started while it
/// was mounted has it in a mount namespace of its own: where the host's mounts are not shared (they are, under systemd) the snapshot is busy until that domain stops. A nested
/// dataset has snapshots of its own, so it is empty in there.</item>
/// <item>A zvol's snapshot has a device only while the zvol has <c>snapdev=visible</c>. That is the user's property, of all snapshots of his zvol at once, so it is not changed: a
/// clone is made beside the zvol. It takes no room, holds its snapshot, and is <c>readonly=on</c>, so the kernel refuses writes; with <c>volmode=dev</c> nobody looks
/// for partitions in what is the guest's; <c>com.sun:auto-snapshot=false</c> asks the usual tools to make no snapshots of it. udev names its node, with <c>+</c> for blanks.</item>
/// <item>A hold makes <c>zfs destroy</c> fail with "dataset is busy", whoever tries, until it is released; so do a clone, an open file and a running <c>zfs send</c>.</item>
/// <item>A zvol with a <c>refreservation</c> (any that is not sparse) can only be snapshotted while all that it holds would fit into the free space of the pool a second time.</item>
/// <item>A pool whose devices are gone is suspended: what is under way then, a <c>zpool sync</c> say, waits for ever. So that is looked at before anything else.</item>
/// <item>Names are at most 255 bytes with the snapshot's; letters, digits and <c>-_.:</c> and the blank may be in them. <c>%</c> and <c>,</c> in the argument of <c>zfs destroy</c> mean
/// several snapshots; they are in none of our names.</item>
/// </list>
/// <para>Ours is what carries the set's identity in the property <c>virtsnapshot:set</c>, set in the same act as the snapshot, and set on it, not inherited.</para>
/// </remarks>
internal sealed class ZfsMethod : VolumeMethod
{
    // Below this the guest would soon stop for want of room: from now on all that it writes over is kept.
    private const long LeastRoom = 16 << 20;
    private static readonly TimeSpan NodePatience = TimeSpan.FromSeconds(30);

    public override string Name => "zfs";

    public override MethodTraits Traits { get; } = new(StorageLevel.FileSystem, NeedsVcpuPause: true);

    public override VolumeFit FindVolume(StorageStack stack)
    {
        var image = stack.Find<ImageLayer>();
        var fit = stack.Layers.FirstOrDefault(layer => layer is not ImageLayer) switch
        {
            FileSystemLayer { Type: "zfs", Root: "/" } files when ZfsName.IsDataset(files.Source) =>
                new VolumeFit(new Volume(files.Source, files.MountPoint), MethodRank.Default, $"it is a raw image in dataset '{files.Source}', which ZFS snapshots at once"),
            FileSystemLayer { Type: "zfs" } files => VolumeFit.Impossible($"'{files.Source}', mounted at '{files.MountPoint}', is not a whole dataset"),
            FileSystemLayer files => VolumeFit.Impossible($"it lies in a file system of type {files.Type}, not in a ZFS dataset"),
            ZvolLayer zvol when ZfsName.IsDataset(zvol.Dataset) => new VolumeFit(new Volume(zvol.Dataset, null), MethodRank.Default, $"it is the ZFS volume '{zvol.Dataset}'"),
            _ => VolumeFit.Impossible("it lies neither in a ZFS dataset nor on a ZFS volume"),
        };
        return fit.Rank == MethodRank.Default && image is { Format: not "raw" }
            ? fit with { Rank = MethodRank.Possible, Reason = $"its {image.Format} image lies in '{fit.Volume!.Name}', which ZFS snapshots at once" }
            : fit;
    }

    public override VolumeSnapshot PlanVolume(VolumeRequest request)
    {
        var (volume, target) = (request.Volume, request.Disks[0]);
        var zfs = new ZfsPrograms(request.Host);
        zfs.RequirePool(ZfsName.PoolOf(volume.Name), isWritten: true);
        var facts = zfs.Find(volume.Name, "available", "usedbydataset", "refreservation", "usedbyrefreservation", "mountpoint")
            ?? throw Refuse(FailureKind.ObjectNotFound, "SourceMissing", $"there is no dataset '{volume.Name}'. Nothing was touched");
        var planned = ZfsSnapshot.Plan(volume, request.Label, request.Group, volume.Root is null ? null : MountOf(request.Host, volume.Root, facts["mountpoint"].Value));
        if (planned.Names.FirstOrDefault(name => name.Length > ZfsName.Longest) is { } tooLong)
        {
            throw Refuse(FailureKind.InvalidArgument, "InvalidSnapshotName", $"'{tooLong}' would be longer than the {ZfsName.Longest} bytes that ZFS allows. Nothing was touched. Choose a shorter -Name");
        }

        if (planned.Names.FirstOrDefault(name => zfs.Find(name, "type") is not null) is { } taken)
        {
            throw VolumeFailure.NameTaken(request, taken);
        }

        if (volume.Root is not null && request.Host.Stat(Path.GetDirectoryName(planned.At)!) is not { IsDirectory: true })
        {
            throw VolumeFailure.Unsuitable(
                request,
                $"the snapshots of dataset '{volume.Name}' cannot be seen, since there is no folder '{Path.GetDirectoryName(planned.At)}'; if 'zfs get snapdir' says 'disabled', set it to 'hidden'");
        }

        long Bytes(string property) => long.TryParse(facts[property].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : 0;
        var free = Bytes("available") - Bytes("usedbyrefreservation");
        var needed = Math.Max(LeastRoom, Math.Min(Bytes("usedbydataset"), Bytes("refreservation")));
        return free >= needed
            ? planned.ToSnapshot()
            : throw Refuse(
                FailureKind.QuotaExceeded,
                "NoSpace",
                $"'{volume.Name}' has {free >> 20} MiB free, and a snapshot of it needs {needed >> 20} MiB"
                + $"{(needed > LeastRoom ? ": what it holds, and has reserved, a second time" : "")}. Nothing was touched. "
                + $"Make room in the pool or its quotas{(needed > LeastRoom ? $", or give up its reservation with 'zfs set refreservation=none {volume.Name}'" : "")}");

        VirtSnapshotException Refuse(FailureKind kind, string errorId, string why) => new(
            kind, errorId, target, $"Disk '{target.Target}' of domain '{request.Domain.Name}' cannot be snapshotted by method '{Name}': {why}.");
    }

    public override void Prepare(IHost host, VolumeSnapshot snapshot)
    {
        var zfs = new ZfsPrograms(host);
        if (snapshot.Volume.Root is null)
        {
            // What was written through the page cache of its device, ZFS does not know yet.
            zfs.Do("sync", ["-d", ZfsName.NodeOf(snapshot.Volume.Name)], snapshot.Name);
        }

        zfs.Do("zpool", ["sync", ZfsName.PoolOf(snapshot.Volume.Name)], snapshot.Name);
    }

    public override void Take(IHost host, IReadOnlyList<VolumeSnapshot> snapshots)
    {
        var zfs = new ZfsPrograms(host);
        foreach (var pool in snapshots.Select(ZfsSnapshot.Read).GroupBy(snapshot => (ZfsName.PoolOf(snapshot.Name), snapshot.Set)))
        {
            zfs.Do("zfs", ["snapshot", "-o", $"{ZfsSnapshot.Mark}={pool.Key.Set}", .. pool.Select(snapshot => snapshot.Name)], string.Join(", ", pool.Select(snapshot => snapshot.Name)));
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
                ["clone", "-o", "readonly=on", "-o", "volmode=dev", "-o", "com.sun:auto-snapshot=false", "-o", $"{ZfsSnapshot.Mark}={planned.Set}", planned.Name, planned.CloneName],
                planned.CloneName);
        }
        catch (VirtSnapshotException e) when (e.ErrorId == "SnapshotExists" && zfs.Find(planned.CloneName, ZfsSnapshot.Mark, "origin") is { } clone && planned.IsOurClone(clone))
        {
            // Made before.
        }

        if (!IsReadOnly(host, planned))
        {
            throw new VirtSnapshotException(FailureKind.InvalidResult, "SnapshotNotTaken", snapshot.At, $"The device '{snapshot.At}' of snapshot '{planned.Name}' can be written to.");
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

    /// <summary>A bind mount shows the folder of the snapshots, but entering one of them there fails: only the dataset's own mount point will do.</summary>
    private static string MountOf(IHost host, string root, string mountPoint) =>
        mountPoint.StartsWith('/') && host.Stat(mountPoint) is { } own && host.Stat(root) is { } seen && own.IsSameFileAs(seen) ? mountPoint : root;

    /// <summary>The kernel makes the device, and udev its name, some time after the clone is there; and for a moment it can be gone again.</summary>
    private static bool IsReadOnly(IHost host, ZfsSnapshot planned)
    {
        var giveUp = DateTime.UtcNow + NodePatience;
        while (true)
        {
            var answer = host.RunAsRoot("blockdev", ["--getro", planned.At]);
            if (answer.Succeeded)
            {
                return answer.Output.Trim() == "1";
            }

            if (DateTime.UtcNow > giveUp)
            {
                throw new VirtSnapshotException(
                    FailureKind.InvalidResult,
                    "SnapshotNotTaken",
                    planned.At,
                    $"The snapshot '{planned.Name}' was taken, but after {NodePatience.TotalSeconds:0} s its device '{planned.At}' cannot be opened ({answer.ToolError}): does udev run, with the rules of ZFS?");
            }

            Thread.Sleep(50);
        }
    }
}
