using System.Text.RegularExpressions;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>The common part of thick and thin LVM snapshots: which disks they suit, how they are mounted, and how they are deleted.</summary>
/// <remarks>
/// <para>Facts (LVM's manual pages and source, the kernel's documentation, and tests with LVM 2.03.16 and Linux 6.1):</para>
/// <list type="bullet">
/// <item>Taking a snapshot suspends the origin for a moment. That freezes ext4 and xfs on it, so the snapshot's file system is clean; for a device without a
/// file system the page cache is written first. btrfs is not frozen (the kernel does not know its device as the superblock's): its tree log, written by each
/// fsync, would need a replay. So it is synced during the vCPU pause or freeze, and later entries of the log are not replayed.</item>
/// <item>ext4 is mounted with <c>noload</c>, xfs with <c>norecovery</c> (after a freeze neither needs its journal) and <c>nouuid</c> (the origin is
/// mounted).</item>
/// <item>The kernel identifies btrfs by its fsid: a second one with the same fsid is refused ("duplicate device", EEXIST) while the first is mounted, and
/// can be mistaken for it otherwise. <c>btrfstune -m</c> gives the snapshot another fsid in one transaction; for that the snapshot must be writable, and is
/// made read-only afterwards. The transaction may overwrite the tree log: another reason not to replay it.</item>
/// <item>A btrfs with several devices is not contained in one volume, and is refused.</item>
/// <item><c>lvremove</c> refuses open volumes. With <c>--select</c>, UUID and tag are checked under LVM's own lock.</item>
/// <item>LVM blocks signals while a volume is suspended, so neither Ctrl+C nor a crash of our process leaves a volume suspended: LVM completes its
/// command.</item>
/// <item>Names: letters, digits and <c>+_.-</c>, at most 127; suffixes such as <c>_tmeta</c> are reserved. In device-mapper <c>vg-lv</c> is one name of at
/// most 127 characters, where each <c>-</c> in a part counts twice.</item>
/// </list>
/// <para>A snapshot is ours if it has the tag of its set, which the command that makes the volume sets.</para>
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
            if (stack is { LvmError: { } why } && stack.Layers.ElementAtOrDefault(under) is DeviceLayer { DeviceType: "lvm" } unknown)
            {
                return VolumeFit.Impossible($"LVM does not list '{unknown.Path}': {why}");
            }

            return VolumeFit.Impossible(
                files is null ? "it is not a logical volume of LVM" : $"its {files.FileSystem} file system is not on a logical volume of LVM");
        }

        if (files is not null && stack.Depths.Count(depth => depth == under) > 1)
        {
            return VolumeFit.Impossible($"its {files.FileSystem} file system is on several devices, of which '{volume.FullName}' is only one");
        }

        if (files is not null && SnapshotFileSystem.Find(files.FileSystem) is null)
        {
            return VolumeFit.Impossible(
                $"a snapshot of its {files.FileSystem} file system cannot be mounted beside the original: supported are {SnapshotFileSystem.Names}");
        }

        if (!LvmName.IsValid(volume.VolumeGroup) || !LvmName.IsValid(volume.Volume))
        {
            return VolumeFit.Impossible($"'{volume.FullName}' is not a valid LVM name");
        }

        if (WhyUnfit(volume) is { } reason)
        {
            return VolumeFit.Impossible(reason);
        }

        return files is not null
            ? new VolumeFit(
                new Volume(volume.FullName, files.MountPoint), MethodRank.Possible, $"its {files.FileSystem} file system is on the {Describe(volume)}")
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
                $"the name '{volume.VolumeGroup}/{name}' is too long for device-mapper, where each '-' counts twice. Nothing was touched. "
                + "Choose a shorter -Name, or one with fewer '-'");
        }

        var settings = new SnapshotSettings(request, Settings, volume);
        var found = new LvmPrograms(request.Host).Find(volume.VolumeGroup, volume.Volume, name);
        if (found.FirstOrDefault(other => other.Name == volume.Volume) is not { } origin || origin.Uuid != volume.Uuid)
        {
            throw Refuse(request, FailureKind.ObjectNotFound, "SourceMissing", $"'{volume.FullName}' does not exist any more. Nothing was touched");
        }

        if (origin.IsMerging)
        {
            throw Refuse(
                request,
                FailureKind.ResourceBusy,
                "SourceInUse",
                $"a snapshot is being merged into '{volume.FullName}'. Nothing was touched. Wait until 'lvs' shows that the merge has finished, then try "
                + "again");
        }

        if (found.Any(other => other.Name == name))
        {
            throw Refuse(request, FailureKind.ResourceExists, "SnapshotExists", $"'{volume.VolumeGroup}/{name}' exists already. Nothing was touched. "
                + "Choose another -Name");
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
            // Needed only after the snapshot is taken, but checked before.
            throw HostProgram.Missing("btrfstune", host.Name, "it is not installed");
        }

        if (FileSystemOf(snapshot) is not null)
        {
            new SnapshotMount(host, NameOf(snapshot).Name).Make();
        }

        PrepareVolume(lvm, snapshot);

        // Flushing ahead shortens the act.
        string[] sync = snapshot.Volume.Root is { } root ? ["--file-system", root] : ["--data", $"/dev/{snapshot.Volume.Name}"];
        lvm.Do("sync", sync, snapshot.Volume.Name);
    }

    public override void Take(IHost host, IReadOnlyList<VolumeSnapshot> snapshots) => new LvmPrograms(host).Do(
        "sh",
        ["-c", TakeScript, "sh", .. snapshots.SelectMany(snapshot => TakeArguments(snapshot))],
        string.Join(", ", snapshots.Select(snapshot => snapshot.Name)));

    public override void Expose(IHost host, VolumeSnapshot snapshot)
    {
        var (group, name) = NameOf(snapshot);
        var lvm = new LvmPrograms(host);
        if (FindOurs(lvm, snapshot) is not { } volume || !IsTaken(volume, snapshot))
        {
            throw NotTaken("it does not exist");
        }

        if (volume.IsBroken)
        {
            throw NotTaken("it is invalid: its COW space has overflowed, or its pool has failed");
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

        // The act skipped this to be short.
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
            _ when (snapshot.Volume.Root is null) != (FileSystemOf(snapshot) is null) => "its mount point and its file "
                + "system contradict each other",
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
        FileSystemOf(snapshot) is null && FindOurs(new LvmPrograms(host), snapshot) is { IsOpen: true }
            ? $"'{snapshot.At}' is open: mounted, or part of another device ('lsblk {snapshot.At}' shows it)"
            : null;

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

    /// <summary>Distinguishes its names from those of the other LVM method: one set may use both in one group.</summary>
    protected abstract string NameEnd { get; }

    /// <summary>The elements within <c>&lt;diskSnapshot&gt;</c> that the method supports, besides <c>&lt;device&gt;</c>.</summary>
    protected abstract IReadOnlyList<string> Settings { get; }

    /// <summary>A script that snapshots one volume after the other, by <see cref="TakeArguments"/>.</summary>
    protected abstract string TakeScript { get; }

    protected abstract string? WhyUnfit(LogicalVolumeLayer volume);

    protected abstract string Describe(LogicalVolumeLayer volume);

    /// <summary>Checks the free space, and adds the method's own details.</summary>
    protected abstract void Plan(VolumeRequest request, LogicalVolumeLayer volume, SnapshotSettings settings, Dictionary<string, string> details);

    protected abstract void PrepareVolume(LvmPrograms lvm, VolumeSnapshot snapshot);

    protected abstract IReadOnlyList<string> TakeArguments(VolumeSnapshot snapshot);

    protected VirtSnapshotException Refuse(VolumeRequest request, FailureKind kind, string errorId, string why) => new(
        kind, errorId, request.Disks[0], $"Disk '{request.Disks[0].Target}' of domain '{request.Domain.Name}' cannot be snapshotted by method '{Name}': "
            + $"{why}.");

    internal static (string Group, string Name) NameOf(VolumeSnapshot snapshot) =>
        LvmName.Split(snapshot.Name) ?? throw VolumeSnapshot.Damaged(snapshot, $"'{snapshot.Name}' is not a name of a logical volume");

    internal static string TagOf(VolumeSnapshot snapshot) =>
        snapshot.Detail(TagDetail) is var tag && OurTag().IsMatch(tag) ? tag : throw VolumeSnapshot.Damaged(snapshot, $"'{tag}' is not a tag of ours");

    /// <summary>The mount point to sync during the vCPU pause or freeze; empty where LVM freezes the file system.</summary>
    protected static string SyncOf(VolumeSnapshot snapshot) => FileSystemOf(snapshot) is { NeedsSync: true } ? snapshot.Volume.Root! : "";

    /// <summary>Whether the snapshot must still be changed before it can be mounted.</summary>
    protected static bool IsMadeWritable(VolumeSnapshot snapshot) => FileSystemOf(snapshot) is { NeedsOwnIdentity: true };

    /// <summary>A mount may show only a folder of its file system; the path is that folder in the mounted snapshot.</summary>
    private static string? WhyElsewhere(SnapshotMount mount, string root, string at)
    {
        var expected = mount.FindRoot(root) is { } part ? HostPath.Join(mount.Path, HostPath.Below(part, "/")) : null;
        return Path.GetFullPath(at) == at && HostPath.IsAtOrBelow(at, mount.Path) && (expected ?? at) == at ? null : $"'{at}' is not where '{root}' "
            + "is in the mounted snapshot";
    }

    private static SnapshotFileSystem? FileSystemOf(VolumeSnapshot snapshot) => snapshot.Details.TryGetValue(FileSystemDetail, out var type)
        ? SnapshotFileSystem.Find(type) ?? throw VolumeSnapshot.Damaged(snapshot, $"'{type}' is not a supported file system")
        : null;

    private static string DeviceOf(string group, string name) => $"/dev/{group}/{name}";

    private static bool IsOurs(LogicalVolume volume, VolumeSnapshot snapshot) => volume.Tags.Contains(TagOf(snapshot))
        && (volume.OriginUuid.Length == 0 || IsTaken(volume, snapshot));

    /// <summary>Before the act, a thick snapshot's volume may exist without an origin. A thin snapshot loses its origin when that is deleted.</summary>
    private static bool IsTaken(LogicalVolume volume, VolumeSnapshot snapshot) =>
        volume.OriginUuid == snapshot.Detail(OriginDetail) || (volume.IsThin && volume.OriginUuid.Length == 0);

    /// <summary>Null where it does not exist.</summary>
    private static LogicalVolume? FindOurs(LvmPrograms lvm, VolumeSnapshot snapshot)
    {
        var (group, name) = NameOf(snapshot);
        return lvm.Find(group, name) switch
        {
            [] => null,
            [var volume] when IsOurs(volume, snapshot) => volume,
            [var volume] => throw VolumeFailure.NotOurs(
                snapshot,
                volume.Tags.Contains(TagOf(snapshot))
                    ? $"it is a snapshot of another volume ({volume.OriginUuid})"
                    : $"it does not have the tag '{TagOf(snapshot)}'"),
            _ => throw VolumeFailure.NotOurs(snapshot, "several volumes have that name"),
        };
    }

    private static void Remove(LvmPrograms lvm, string group, LogicalVolume volume, VolumeSnapshot snapshot)
    {
        var stderr = lvm.TryRemove(group, volume.Uuid, TagOf(snapshot));
        if (FindOurs(lvm, snapshot) is not { } left)
        {
            return;
        }

        var why = stderr ?? "lvremove did nothing";
        throw left.IsOpen
            ? new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceInUse",
                snapshot.Name,
                $"The snapshot '{snapshot.Name}' was not deleted, because it is in use: {why}. "
                + $"Wait until its user has ended ('lsblk {DeviceOf(group, left.Name)}' shows it), then run Repair-DiskSnapshot.")
            : VolumeFailure.NotDeleted(snapshot, why);
    }

    [GeneratedRegex(@"^virtsnapshot-[0-9a-f]{32}\z", RegexOptions.CultureInvariant)]
    private static partial Regex OurTag();
}
