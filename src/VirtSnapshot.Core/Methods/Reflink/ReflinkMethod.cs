using System.Globalization;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Reflink;

/// <summary>
/// Method <c>reflink</c>: a copy of the image file that shares its blocks, for file systems with reflinks but without snapshots: XFS. btrfs has reflinks too.
/// </summary>
/// <remarks>
/// <para>Facts (ioctl_ficlone(2), and tests with Linux 6.18 and coreutils 9.1):</para>
/// <list type="bullet">
/// <item>The copy is beside the image, as <c>.virtsnapshot-NAME-…</c>: files cannot be cloned across file systems or mounts.</item>
/// <item>Cloning a file is atomic to its writers. Several files are cloned one after the other, so a set is consistent only while the vCPUs are paused or
/// the guest is frozen.</item>
/// <item>The kernel writes the file's dirty pages first, then shares extent by extent: a fragmented image takes seconds (XFS on this project's machines:
/// 12 to 21 µs per extent) in the freeze window, unless temporary overlays take the writes. So its extents are counted before.</item>
/// <item><c>cp --reflink=always --remove-destination --no-target-directory</c> creates the copy with O_EXCL and follows no link there. With umask 0377 it
/// has mode 0400 from the beginning: not even QEMU's user can write to it. Its owner is the image's.</item>
/// <item>A file has no identity of its own: the copy is ours by its name, a part of which is random and recorded only by us, and by its mode.</item>
/// <item>The copy is durable only after a sync.</item>
/// <item>On btrfs, source and copy must both have copy-on-write or both not (chattr +C); a new file inherits it from its directory.</item>
/// <item>A backing image is another file, and not in the copy: disks with one are refused.</item>
/// </list>
/// </remarks>
internal sealed class ReflinkMethod : VolumeMethod
{
    // "$1" and "$2" are data. cp has no option for the umask.
    private const string CloneScript = "umask 0377; "
        + "exec cp --reflink=always --remove-destination --no-target-directory --preserve=ownership -- \"$1\" \"$2\"";

    // One line per extent, and some around. filefrag's own sum counts adjacent extents as one, but each is shared by itself.
    private const string CountScript = "filefrag -v -- \"$1\" | wc -l";

    // About 20 microseconds each. Where they cannot be counted, the copy counts as slow.
    private const long ManyExtents = 5_000;
    private const long LeastLines = 3;
    private const ushort WriteBits = 0x92; // 0222

    public override string Name => "reflink";

    public override MethodTraits Traits { get; } = new(StorageLevel.FileSystem, NeedsVcpuPause: true);

    public override VolumeFit FindVolume(StorageStack stack) => stack.Find<FileSystemLayer>() switch
    {
        null => VolumeFit.Impossible("it is not a file in a file system of the host"),
        { CanClone: false } layer => VolumeFit.Impossible($"its image is on {layer.FileSystem} ('{layer.MountPoint}'), where files cannot share blocks"),
        { IsReadOnly: true } layer => VolumeFit.Impossible($"'{layer.MountPoint}' is mounted read-only"),
        var layer => new VolumeFit(
            new Volume(layer.File, Root: null), MethodRank.Possible, $"its image is cloned within {layer.FileSystem}, and the disk is not changed"),
    };

    public override bool IsSlow(VolumeRequest request)
    {
        var result = request.Host.RunAsRoot("sh", ["-c", CountScript, "filefrag", request.Volume.Name]);
        return !long.TryParse(result.Output, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var lines)
            || lines is < LeastLines or > ManyExtents;
    }

    public override VolumeSnapshot PlanVolume(VolumeRequest request)
    {
        var image = request.Volume.Name;
        var folder = Path.GetDirectoryName(image)!;
        if (request.Host.Stat(image) is not { IsRegularFile: true })
        {
            throw VolumeFailure.Unsuitable(request, $"'{image}' is not a regular file");
        }

        var at = VolumeNames.Beside(folder, request.Label);
        if (request.Host.Stat(at) is not null)
        {
            throw VolumeFailure.NameTaken(request, at);
        }

        VolumeSpace.Check(request, folder);
        if (request.Stack.Find<FileSystemLayer>() is { FileSystem: "btrfs" }
            && CopyOnWrite.IsOff(request.Host, image) && !CopyOnWrite.IsOff(request.Host, folder))
        {
            throw VolumeFailure.Unsuitable(
                request,
                $"'{image}' is without copy-on-write (chattr +C), but new files in '{folder}' are with it, and btrfs cannot clone between them. "
                + "Method 'btrfs' can snapshot it");
        }

        return new VolumeSnapshot(request.Volume, at, at, new Dictionary<string, string>(StringComparer.Ordinal));
    }

    /// <summary>Cloning flushes as well; a flush ahead shortens it. A failure here is ignored: cloning itself reports it.</summary>
    public override void Prepare(IHost host, VolumeSnapshot snapshot) => host.RunAsRoot("sync", ["-f", "--", snapshot.Volume.Name]);

    public override void Take(IHost host, IReadOnlyList<VolumeSnapshot> snapshots) => VolumeActs.AtOnce(snapshots, snapshot =>
    {
        var result = host.RunAsRoot("sh", ["-c", CloneScript, "cp", snapshot.Volume.Name, snapshot.At]);
        if (!result.Succeeded)
        {
            throw VolumeFailure.NotTaken(snapshot, result.ToolError);
        }
    });

    public override void Expose(IHost host, VolumeSnapshot snapshot)
    {
        if (host.Stat(snapshot.At) is null && !IsAccessible(host, snapshot))
        {
            throw VolumeFailure.NotAccessible(snapshot, Path.GetDirectoryName(snapshot.At)!);
        }

        if (WhyNotOurs(snapshot, host.Stat(snapshot.At)) is { } problem)
        {
            throw VolumeFailure.NotTaken(snapshot, problem);
        }

        var result = host.RunAsRoot("sync", ["--", snapshot.At, Path.GetDirectoryName(snapshot.At)!]);
        if (!result.Succeeded)
        {
            throw VolumeFailure.NotTaken(snapshot, result.ToolError);
        }
    }

    public override string? WhyNotOurs(IHost host, VolumeSnapshot snapshot, SetIdentity set) =>
        snapshot.Volume.Root is null ? VolumeNames.WhyNotOurs(snapshot, Path.GetDirectoryName(snapshot.Volume.Name) ?? "", set) : "its volume is not a file";

    public override SnapshotState Check(IHost host, VolumeSnapshot snapshot) => host.Stat(snapshot.At) switch
    {
        null => SnapshotState.Missing,
        var copy => WhyNotOurs(snapshot, copy) is null ? SnapshotState.Available : SnapshotState.Invalid,
    };

    public override bool Delete(IHost host, VolumeSnapshot snapshot)
    {
        if (host.Stat(snapshot.At) is not { } copy)
        {
            return IsAccessible(host, snapshot) ? false : throw VolumeFailure.NotAccessible(snapshot, Path.GetDirectoryName(snapshot.At)!);
        }

        if (WhyNotOurs(snapshot, copy) is { } problem)
        {
            throw VolumeFailure.NotOurs(snapshot, problem);
        }

        if (host.ReadOpenFiles().FindUsers(snapshot.At) is [{ } user, ..])
        {
            throw VolumeFailure.InUse(snapshot, user);
        }

        var result = host.RunAsRoot("rm", ["-f", "--", snapshot.At]);
        if (!result.Succeeded)
        {
            throw VolumeFailure.NotDeleted(snapshot, result.ToolError);
        }

        host.RunAsRoot("sync", ["--", Path.GetDirectoryName(snapshot.At)!]);
        return true;
    }

    public override bool Exists(IHost host, VolumeSnapshot snapshot) => host.Stat(snapshot.At) is not null || !IsAccessible(host, snapshot);

    /// <summary>Whether the folder is accessible. Where it is missing, or empty as an unused mount point is, a missing path proves nothing.</summary>
    private static bool IsAccessible(IHost host, VolumeSnapshot snapshot) =>
        host.Stat(snapshot.Volume.Name) is not null || host.ListFiles(Path.GetDirectoryName(snapshot.At)!).Count > 0;

    private static string? WhyNotOurs(VolumeSnapshot snapshot, FileFacts? found) => found switch
    {
        _ when !VolumeNames.IsOurs(snapshot, Path.GetDirectoryName(snapshot.Volume.Name)!) => "it is not a name that VirtSnapshot gives",
        null => "it does not exist",
        { IsRegularFile: false } => "it is not a regular file",
        _ when (found.Mode & WriteBits) != 0 => "it is writable",
        _ => null,
    };
}
