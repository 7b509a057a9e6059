using VirtSnapshot.Hosts;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Btrfs;

/// <summary>
/// Method <c>btrfs</c>: a read-only snapshot of the subvolume that holds the disk's image.
/// </summary>
/// <remarks>
/// <para>Facts (btrfs-subvolume(8), and tests with Linux 6.18 and btrfs-progs 6.2):</para>
/// <list type="bullet">
/// <item>Only a whole subvolume can be snapshotted: the innermost one with the image. Subvolumes nested in it are empty directories in the snapshot, and so
/// are earlier snapshots. So ours are in the subvolume itself, as <c>.virtsnapshot-NAME-…</c> in its root. They have no common folder: two domains in one
/// subvolume could create and remove it concurrently.</item>
/// <item><c>btrfs subvolume snapshot SOURCE PLACE</c> creates the snapshot in <c>PLACE</c>, under another name, if that is a directory or a link to one.
/// Therefore the new snapshot is verified.</item>
/// <item>The command writes the source's dirty data and commits a transaction; the snapshot is on disk when it returns. Flushing ahead shortens
/// the freeze window.</item>
/// <item>Owners and modes are kept: users who may read the image may read the snapshot, through the same directories.</item>
/// <item>It is a file system of its own to <c>stat(2)</c>, with the same inode numbers as the source.</item>
/// <item>Deletion succeeds despite open files, which stay readable, and despite mounts; further files cannot be opened. So it is checked for readers first.
/// It is deleted by its id, which is never reused: a new object at its path is not touched.</item>
/// <item>Without <c>--commit-after</c> a deleted snapshot may reappear after a power failure.</item>
/// <item>Also in an image without copy-on-write (chattr +C, as in libvirt's own pools) the first write to each block after a snapshot is copied.</item>
/// </list>
/// </remarks>
internal sealed class BtrfsMethod : VolumeMethod
{
    private const string UuidDetail = "uuid";

    // An image in the subvolume's root, or in a folder of the domain there. A deeper one is in a subvolume with other data as well: /var, /home.
    private const int DeepestFolder = 1;

    public override string Name => "btrfs";

    public override MethodTraits Traits { get; } = new(StorageLevel.FileSystem, NeedsVcpuPause: true);

    public override VolumeFit FindVolume(StorageStack stack)
    {
        if (stack.Find<FileSystemLayer>() is not { } layer)
        {
            return VolumeFit.Impossible("it is not a file in a file system of the host");
        }

        if (layer.FileSystem != "btrfs")
        {
            return VolumeFit.Impossible($"its image is on {layer.FileSystem} ('{layer.MountPoint}'), not on btrfs");
        }

        if (layer.Subvolume is not { } root)
        {
            return VolumeFit.Impossible($"the root of the subvolume with its image is not accessible below '{layer.MountPoint}'");
        }

        if (layer.IsReadOnly)
        {
            return VolumeFit.Impossible($"'{layer.MountPoint}' is mounted read-only");
        }

        var volume = new Volume(root, root);
        if (HostPath.Below(layer.File, root).Count(letter => letter == '/') > DeepestFolder)
        {
            return new VolumeFit(volume, MethodRank.Possible, $"its image has no subvolume of its own, and all of '{root}' is snapshotted");
        }

        if (IsShared(layer, root))
        {
            return new VolumeFit(volume, MethodRank.Possible, $"its image has no subvolume of its own, and all of '{root}' is snapshotted");
        }

        return stack.Find<ImageLayer>()?.Format == "raw"
            ? new VolumeFit(volume, MethodRank.Default, $"raw on btrfs: the subvolume '{root}' is snapshotted, and the disk is not changed")
            : new VolumeFit(volume, MethodRank.Possible, $"the subvolume '{root}' is snapshotted, and the disk is not changed");
    }

    public override VolumeSnapshot PlanVolume(VolumeRequest request)
    {
        var root = request.Volume.Root!;
        var subvolume = Subvolume.Read(request.Host, root) ?? throw VolumeFailure.Unsuitable(request, $"'{root}' is not the root of a btrfs subvolume");
        var at = VolumeNames.Beside(root, request.Label);
        if (request.Host.Stat(at) is not null)
        {
            throw VolumeFailure.NameTaken(request, at);
        }

        VolumeSpace.Check(request, root);
        if (subvolume.IsTopLevel || root == "/")
        {
            request.Warn($"The images of domain '{request.Domain.Name}' in '{root}' have no subvolume of their own: "
                + "the snapshot keeps the old blocks of all files there, not only of the images.");
        }

        foreach (var disk in request.Disks.Where(disk => disk.Source.Path is { } path && CopyOnWrite.IsOff(request.Host, path)))
        {
            request.Warn($"The image of disk '{disk.Target}' of domain '{request.Domain.Name}' is without copy-on-write (chattr +C): "
                + "the first write to each of its blocks after the snapshot is still copied.");
        }

        return new VolumeSnapshot(request.Volume, at, at, new Dictionary<string, string>(StringComparer.Ordinal) { [UuidDetail] = subvolume.Uuid });
    }

    /// <summary>The snapshot command flushes as well; a flush ahead shortens it. A failure here is ignored: the command itself reports it.</summary>
    public override void Prepare(IHost host, VolumeSnapshot snapshot) => host.RunAsRoot("sync", ["-f", "--", snapshot.Volume.Root!]);

    public override void Take(IHost host, IReadOnlyList<VolumeSnapshot> snapshots) => VolumeActs.AtOnce(snapshots, snapshot =>
    {
        var result = host.RunAsRoot("btrfs", ["subvolume", "snapshot", "-r", "--", snapshot.Volume.Root!, snapshot.At]);
        if (!result.Succeeded)
        {
            throw VolumeFailure.NotTaken(snapshot, result.ToolError);
        }
    });

    public override void Expose(IHost host, VolumeSnapshot snapshot)
    {
        if (host.Stat(snapshot.At) is null && !IsAccessible(host, snapshot))
        {
            throw VolumeFailure.NotAccessible(snapshot, snapshot.Volume.Name);
        }

        if (WhyNotOurs(snapshot, Subvolume.Read(host, snapshot.At)) is { } problem)
        {
            throw VolumeFailure.NotTaken(snapshot, problem);
        }
    }

    public override string? WhyNotOurs(IHost host, VolumeSnapshot snapshot, SetIdentity set) =>
        snapshot.Volume.Root == snapshot.Volume.Name ? VolumeNames.WhyNotOurs(snapshot, snapshot.Volume.Name, set) : "its volume is not a subvolume";

    public override SnapshotState Check(IHost host, VolumeSnapshot snapshot) => host.Stat(snapshot.At) is null
        ? SnapshotState.Missing
        : WhyNotOurs(snapshot, Subvolume.Read(host, snapshot.At)) is null ? SnapshotState.Available : SnapshotState.Invalid;

    public override bool Delete(IHost host, VolumeSnapshot snapshot)
    {
        if (host.Stat(snapshot.At) is null)
        {
            return IsAccessible(host, snapshot) ? false : throw VolumeFailure.NotAccessible(snapshot, snapshot.Volume.Name);
        }

        var subvolume = Subvolume.Read(host, snapshot.At);
        if (WhyNotOurs(snapshot, subvolume) is { } problem)
        {
            throw VolumeFailure.NotOurs(snapshot, problem);
        }

        if (host.ReadOpenFiles().FindUsersWithin(snapshot.At) is [{ } user, ..])
        {
            throw VolumeFailure.InUse(snapshot, user);
        }

        var result = host.RunAsRoot("btrfs", ["subvolume", "delete", "--commit-after", "--subvolid", $"{subvolume!.Id}", "--", snapshot.Volume.Root!]);
        return result.Succeeded ? true : throw VolumeFailure.NotDeleted(snapshot, result.ToolError);
    }

    public override bool Exists(IHost host, VolumeSnapshot snapshot) => host.Stat(snapshot.At) is not null || !IsAccessible(host, snapshot);

    /// <summary>Whether the subvolume is not meant for images: the root of the whole file system, or of the operating system.</summary>
    private static bool IsShared(FileSystemLayer layer, string root) =>
        root == "/" || (root == layer.MountPoint && layer.Root == "/");

    /// <summary>Whether the recorded subvolume is accessible. Where it is not mounted, or another is mounted there, a missing path proves nothing.</summary>
    private static bool IsAccessible(IHost host, VolumeSnapshot snapshot) =>
        Subvolume.Read(host, snapshot.Volume.Root!) is { } subvolume && subvolume.Uuid == snapshot.Details.GetValueOrDefault(UuidDetail);

    private static string? WhyNotOurs(VolumeSnapshot snapshot, Subvolume? found) => found switch
    {
        _ when !VolumeNames.IsOurs(snapshot, snapshot.Volume.Root!) => "it is not a name that VirtSnapshot gives",
        null => "it is not a subvolume",
        _ when found.ParentUuid != snapshot.Details.GetValueOrDefault(UuidDetail) => "it is a snapshot of another subvolume",
        { IsReadOnly: false } => "it is not read-only",
        _ => null,
    };
}
