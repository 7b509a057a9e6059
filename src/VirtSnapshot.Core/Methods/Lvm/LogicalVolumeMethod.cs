using System.Text.RegularExpressions;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>What both kinds of LVM snapshots have in common: where they fit, how their content is seen, and how they go.</summary>
/// <remarks>
/// <para>What it rests on, from LVM's manual pages and source and the kernel's documentation, tried with LVM 2.03.16 and Linux 6.1:</para>
/// <list type="bullet">
/// <item>Taking a snapshot suspends the origin for a moment. That freezes ext4 and xfs on it, so what is inside is clean; a device without a file system has its page cache
/// written first. btrfs is not frozen (it does not tell the kernel which device it is on): what lies in its tree log, which every fsync writes, would need a replay. So it is
/// synced within the standstill, and the log of what others have fsynced since is not replayed.</item>
/// <item>ext4 is mounted with <c>noload</c>, xfs with <c>norecovery</c> (after a freeze neither needs its journal) and <c>nouuid</c> (its original is mounted).</item>
/// <item>The kernel takes two btrfs with one identity for one: the second is refused ("duplicate device", EEXIST) while the first is mounted, and may be taken for it when it is
/// not. <c>btrfstune -m</c> gives the snapshot an identity of its own, which is one transaction; it needs a snapshot that can be written to, which is made read-only
/// afterwards. That transaction may overwrite the tree log: another reason not to replay it.</item>
/// <item>A btrfs of several devices is not all in one volume, and is refused.</item>
/// <item><c>lvremove</c> refuses what is open. With <c>--select</c>, which volume it is and whether it is ours is decided under LVM's own lock.</item>
/// <item>LVM blocks signals while a volume is suspended, so neither Ctrl+C nor our end leaves one suspended; what LVM has begun, it ends.</item>
/// <item>Names: letters, digits and <c>+_.-</c>, at most 127; <c>_tmeta</c> and the like are LVM's own. In device-mapper <c>vg-lv</c> is one name of 127 at most, where
/// each <c>-</c> in either counts twice.</item>
/// </list>
/// <para>Ours is what carries the tag of its set: it is put on in the act that makes the volume.</para>
/// </remarks>
internal abstract partial class LogicalVolumeMethod : VolumeMethod
{
    private const string Tag = "virtsnapshot";
    internal const string OriginDetail = "origin";
    private const string TagDetail = "tag";
    private const string FileSystemDetail = "fileSystem";

    public override MethodTraits Traits { get; } = new(StorageLevel.Device, NeedsVcpuPause: true, HasCowSpace: true);

    public override VolumeFit FindVolume(StorageStack stack)
    {
        var files = stack.Layers.ElementAtOrDefault(1) as FileSystemLayer;
        var under = files is null ? 1 : 2;
        if (stack.Layers.ElementAtOrDefault(under) is not LogicalVolumeLayer volume)
        {
            if (stack is { LvmError: { } silence } && stack.Layers.ElementAtOrDefault(under) is DeviceLayer { DeviceType: "lvm" } unknown)
            {
                return VolumeFit.Impossible($"LVM does not tell about '{unknown.Path}': {silence}");
            }

            return VolumeFit.Impossible(files is null ? "it is no logical volume of LVM" : $"the {files.FileSystem} file system that holds it is not on a logical volume of LVM");
        }

        if (files is not null && stack.Depths.Count(depth => depth == under) > 1)
        {
            return VolumeFit.Impossible($"the {files.FileSystem} file system that holds it is on several devices, of which '{volume.FullName}' is only one");
        }

        if (files is not null && SnapshotFileSystem.Find(files.FileSystem) is null)
        {
            return VolumeFit.Impossible($"a snapshot of its {files.FileSystem} file system cannot be mounted beside the original: that is done with {SnapshotFileSystem.Names}");
        }

        if (!LvmName.IsValid(volume.VolumeGroup) || !LvmName.IsValid(volume.Volume))
        {
            return VolumeFit.Impossible($"'{volume.FullName}' is not a name of LVM");
        }

        if (WhyUnfit(volume) is { } why)
        {
            return VolumeFit.Impossible(why);
        }

        return files is not null
            ? new VolumeFit(new Volume(volume.FullName, files.MountPoint), MethodRank.Possible, $"the {files.FileSystem} file system that holds it is on the {Describe(volume)}")
            : stack.Find<ImageLayer>() is { Format: not "raw" } image
                ? new VolumeFit(new Volume(volume.FullName, null), MethodRank.Possible, $"its {image.Format} image is on the {Describe(volume)}")
                : new VolumeFit(new Volume(volume.FullName, null), MethodRank.Default, $"it is the {Describe(volume)}");
    }

    public override VolumeSnapshot PlanVolume(VolumeRequest request)
    {
        var volume = request.Stack.Find<LogicalVolumeLayer>()!;
        var files = request.Stack.Find<FileSystemLayer>();
        var name = LvmName.ForLabel(request.Label) + NameEnd;
        if (!LvmName.IsValid(name) || !LvmName.FitsDeviceMapper(volume.VolumeGroup, name))
        {
            throw Refuse(
                request,
                FailureKind.InvalidArgument,
                "InvalidSnapshotName",
                $"device-mapper has no room for the name '{volume.VolumeGroup}/{name}', in which each '-' counts twice. Nothing was touched. Choose a shorter -Name, or one with fewer '-'");
        }

        var settings = new SnapshotSettings(request, Settings, volume);
        var found = new LvmPrograms(request.Host).Find(volume.VolumeGroup, volume.Volume, name);
        if (found.FirstOrDefault(other => other.Name == volume.Volume) is not { } origin || origin.Uuid != volume.Uuid)
        {
            throw Refuse(request, FailureKind.ObjectNotFound, "SourceMissing", $"'{volume.FullName}' is not there any more. Nothing was touched");
        }

        if (origin.IsMerging)
        {
            throw Refuse(request, FailureKind.ResourceBusy, "SourceInUse", $"an older state is just being merged into '{volume.FullName}'. Nothing was touched. Let 'lvs' show that it is done, and try again");
        }

        if (found.Any(other => other.Name == name))
        {
            throw Refuse(request, FailureKind.ResourceExists, "SnapshotExists", $"'{volume.VolumeGroup}/{name}' exists already. Nothing was touched. Choose another -Name");
        }

        var details = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [OriginDetail] = volume.Uuid,
            [TagDetail] = $"{Tag}-{request.Group:N}",
        };
        if (files is not null)
        {
            details[FileSystemDetail] = files.FileSystem;
        }

        Plan(request, volume, settings, details);
        var device = DeviceOf(volume.VolumeGroup, name);
        return new VolumeSnapshot(
            request.Volume,
            $"{volume.VolumeGroup}/{name}",
            files is null ? device : HostPath.Join(new SnapshotMount(request.Host, name).Path, HostPath.Below(files.Root, "/")),
            details);
    }

    public override void Prepare(IHost host, VolumeSnapshot snapshot)
    {
        var lvm = new LvmPrograms(host);
        if (FileSystemOf(snapshot) is { NeedsOwnIdentity: true } && !host.RunAsRoot("sh", ["-c", "command -v btrfstune"]).Succeeded)
        {
            // It would be needed only after the act.
            throw HostProgram.Missing("btrfstune", host.Name, "it is not there");
        }

        if (FileSystemOf(snapshot) is not null)
        {
            new SnapshotMount(host, NameOf(snapshot).Name).Make();
        }

        PrepareVolume(lvm, snapshot);

        // So that little is left to be written in the act.
        string[] sync = snapshot.Volume.Root is { } root ? ["--file-system", root] : ["--data", $"/dev/{snapshot.Volume.Name}"];
        lvm.Do("sync", sync, snapshot.Volume.Name);
    }

    public override void Take(IHost host, IReadOnlyList<VolumeSnapshot> snapshots) => new LvmPrograms(host).Do(
        "sh", ["-c", TakeScript, "sh", .. snapshots.SelectMany(snapshot => TakeArguments(snapshot))], string.Join(", ", snapshots.Select(snapshot => snapshot.Name)));

    public override void Expose(IHost host, VolumeSnapshot snapshot)
    {
        var (group, name) = NameOf(snapshot);
        var lvm = new LvmPrograms(host);
        if (FindOurs(lvm, snapshot) is not { } volume || !IsTaken(volume, snapshot))
        {
            throw NotTaken("it is not there");
        }

        if (volume.IsBroken)
        {
            throw NotTaken("it does not hold any more what was taken: it is full already, or its pool has failed");
        }

        if (!volume.IsActive)
        {
            lvm.Do("lvchange", ["--activate", "y", "--ignoreactivationskip", snapshot.Name], snapshot.Name);
        }

        var device = DeviceOf(group, name);
        var files = FileSystemOf(snapshot);
        if (!volume.IsReadOnly)
        {
            if (files is { NeedsOwnIdentity: true })
            {
                lvm.Do("btrfstune", ["-f", "-m", device], snapshot.Name);
            }

            lvm.Do("lvchange", ["--permission", "r", snapshot.Name], snapshot.Name);
        }

        if (files is not null)
        {
            var mount = new SnapshotMount(host, name);
            mount.Make();
            mount.Mount(device, files);
        }

        // The act did without, to be short.
        lvm.Do("vgcfgbackup", ["--quiet", group], group);

        VirtSnapshotException NotTaken(string why) => new(
            FailureKind.InvalidResult, "SnapshotNotTaken", snapshot.Name, $"The snapshot '{snapshot.Name}' of '{snapshot.Volume.Name}' was taken, but {why}.");
    }

    public override string? WhyNotOurs(IHost host, VolumeSnapshot snapshot, SetIdentity set)
    {
        var (group, name) = NameOf(snapshot);
        var label = name.EndsWith(NameEnd, StringComparison.Ordinal) ? name[..^NameEnd.Length] : "";
        return snapshot switch
        {
            _ when !SnapshotLabel.IsOf(label, set, LvmName.ForLabel) => $"'{snapshot.Name}' is not the name of its snapshot",
            _ when TagOf(snapshot) != $"{Tag}-{set.Group:N}" => $"'{TagOf(snapshot)}' is not its tag",
            _ when LvmName.Split(snapshot.Volume.Name) is not var (origin, _) || origin != group => $"'{snapshot.Volume.Name}' is not in the volume "
                + $"group of '{snapshot.Name}'",
            _ when (snapshot.Volume.Root is null) != (FileSystemOf(snapshot) is null) => "it says of itself both that it has a file system and that "
                + "it has none",
            { Volume.Root: null } => snapshot.At == DeviceOf(group, name) ? null : $"'{snapshot.At}' is not the device of '{snapshot.Name}'",
            { Volume.Root: { } root } => WhyElsewhere(new SnapshotMount(host, name), root, snapshot.At),
        };
    }

    public override string? DeviceOf(Volume volume) => $"/dev/{volume.Name}";

    public override SnapshotState Check(IHost host, VolumeSnapshot snapshot)
    {
        var (group, name) = NameOf(snapshot);
        return new LvmPrograms(host).Find(group, name) switch
        {
            [var volume] when !IsOurs(volume, snapshot) || !IsTaken(volume, snapshot) || volume.IsBroken || !volume.IsReadOnly => SnapshotState.Invalid,
            [{ IsActive: true }] => SnapshotState.Available,
            _ => SnapshotState.Missing,
        };
    }

    public override string? WhyInUse(IHost host, VolumeSnapshot snapshot) =>
        FileSystemOf(snapshot) is null && FindOurs(new LvmPrograms(host), snapshot) is { IsOpen: true } ? $"'{snapshot.At}' is open: mounted, or part of another device ('lsblk {snapshot.At}' tells more)" : null;

    public override bool Delete(IHost host, VolumeSnapshot snapshot)
    {
        var (group, name) = NameOf(snapshot);
        var lvm = new LvmPrograms(host);
        var volume = FindOurs(lvm, snapshot);
        var mount = new SnapshotMount(host, name);
        var isMounted = FileSystemOf(snapshot) is not null && mount.Exists();
        if (isMounted)
        {
            mount.Remove();
        }

        if (volume is not null)
        {
            Remove(lvm, group, volume, snapshot);
        }
        else
        {
            lvm.RequireGroup(group, snapshot.Name);
        }

        return volume is not null || isMounted;
    }

    public override bool Exists(IHost host, VolumeSnapshot snapshot)
    {
        var (group, name) = NameOf(snapshot);
        var lvm = new LvmPrograms(host);
        if (lvm.Find(group, name) is [var volume])
        {
            return IsOurs(volume, snapshot);
        }

        lvm.RequireGroup(group, snapshot.Name);
        return FileSystemOf(snapshot) is not null && new SnapshotMount(host, name).Exists();
    }

    /// <summary>What tells its names from the other method's: one set may have both in one group.</summary>
    protected abstract string NameEnd { get; }

    /// <summary>The elements within <c>&lt;diskSnapshot&gt;</c> that the method knows, besides <c>&lt;device&gt;</c>.</summary>
    protected abstract IReadOnlyList<string> Settings { get; }

    /// <summary>A script that snapshots one volume after the other, by <see cref="TakeArguments"/>.</summary>
    protected abstract string TakeScript { get; }

    protected abstract string? WhyUnfit(LogicalVolumeLayer volume);

    protected abstract string Describe(LogicalVolumeLayer volume);

    /// <summary>Refuses what has no room, and adds what the method itself wants to keep.</summary>
    protected abstract void Plan(VolumeRequest request, LogicalVolumeLayer volume, SnapshotSettings settings, Dictionary<string, string> details);

    protected abstract void PrepareVolume(LvmPrograms lvm, VolumeSnapshot snapshot);

    protected abstract IReadOnlyList<string> TakeArguments(VolumeSnapshot snapshot);

    protected VirtSnapshotException Refuse(VolumeRequest request, FailureKind kind, string errorId, string why) => new(
        kind, errorId, request.Disks[0], $"Disk '{request.Disks[0].Target}' of domain '{request.Domain.Name}' cannot be snapshotted by method '{Name}': {why}.");

    internal static (string Group, string Name) NameOf(VolumeSnapshot snapshot) =>
        LvmName.Split(snapshot.Name) ?? throw VolumeSnapshot.Damaged(snapshot, $"'{snapshot.Name}' is no name of a logical volume");

    internal static string TagOf(VolumeSnapshot snapshot) => snapshot.Detail(TagDetail) is var tag && OurTag().IsMatch(tag) ? tag : throw VolumeSnapshot.Damaged(snapshot, $"'{tag}' is no tag of ours");

    /// <summary>What is to be synced within the standstill; empty where LVM does all that is needed.</summary>
    protected static string SyncOf(VolumeSnapshot snapshot) => FileSystemOf(snapshot) is { NeedsSync: true } ? snapshot.Volume.Root! : "";

    /// <summary>Whether the snapshot must still be changed before it can be mounted.</summary>
    protected static bool IsMadeWritable(VolumeSnapshot snapshot) => FileSystemOf(snapshot) is { NeedsOwnIdentity: true };

    /// <summary>A mount may show a part of its file system only, and that part is found in the mounted snapshot.</summary>
    private static string? WhyElsewhere(SnapshotMount mount, string root, string at)
    {
        var expected = mount.FindRoot(root) is { } part ? HostPath.Join(mount.Path, HostPath.Below(part, "/")) : null;
        return Path.GetFullPath(at) == at && HostPath.IsAtOrBelow(at, mount.Path) && (expected ?? at) == at ? null : $"'{at}' is not where '{root}' "
            + "is in the mounted snapshot";
    }

    private static SnapshotFileSystem? FileSystemOf(VolumeSnapshot snapshot) => snapshot.Details.TryGetValue(FileSystemDetail, out var type)
        ? SnapshotFileSystem.Find(type) ?? throw VolumeSnapshot.Damaged(snapshot, $"'{type}' is no file system that is mounted")
        : null;

    private static string DeviceOf(string group, string name) => $"/dev/{group}/{name}";

    private static bool IsOurs(LogicalVolume volume, VolumeSnapshot snapshot) => volume.Tags.Contains(TagOf(snapshot))
        && (volume.OriginUuid.Length == 0 || IsTaken(volume, snapshot));

    /// <summary>Before that, the room for it may be there already; that of a thin one is its pool's, and it outlives its origin.</summary>
    private static bool IsTaken(LogicalVolume volume, VolumeSnapshot snapshot) =>
        volume.OriginUuid == snapshot.Detail(OriginDetail) || (volume.IsThin && volume.OriginUuid.Length == 0);

    /// <summary>Null where nothing is there.</summary>
    private static LogicalVolume? FindOurs(LvmPrograms lvm, VolumeSnapshot snapshot)
    {
        var (group, name) = NameOf(snapshot);
        return lvm.Find(group, name) switch
        {
            [] => null,
            [var volume] when IsOurs(volume, snapshot) => volume,
            [var volume] => throw VolumeFailure.NotOurs(
                snapshot, volume.Tags.Contains(TagOf(snapshot)) ? $"it is a snapshot of another volume ({volume.OriginUuid})" : $"it does not carry the tag '{TagOf(snapshot)}'"),
            _ => throw VolumeFailure.NotOurs(snapshot, "there are several of that name"),
        };
    }

    private static void Remove(LvmPrograms lvm, string group, LogicalVolume volume, VolumeSnapshot snapshot)
    {
        var said = lvm.TryRemove(group, volume.Uuid, TagOf(snapshot));
        if (FindOurs(lvm, snapshot) is not { } left)
        {
            return;
        }

        var why = said ?? "lvremove did nothing";
        throw left.IsOpen
            ? new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceInUse",
                snapshot.Name,
                $"The snapshot '{snapshot.Name}' is not deleted while somebody uses it: {why}. Let that end ('lsblk {DeviceOf(group, left.Name)}' tells who it is), and run Repair-DiskSnapshot.")
            : VolumeFailure.NotDeleted(snapshot, why);
    }

    [GeneratedRegex(@"^virtsnapshot-[0-9a-f]{32}\z", RegexOptions.CultureInvariant)]
    private static partial Regex OurTag();
}
