using VirtSnapshot.Hosts;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Btrfs;

/// <summary>
/// Method <c>btrfs</c>: a read-only snapshot of the subvolume that holds the disk's image.
/// </summary>
/// <remarks>
/// <para>Facts (btrfs-subvolume(8), and tried with Linux 6.18 and btrfs-progs 6.2):</para>
/// <list type="bullet">
/// <item>Only a whole subvolume can be snapshotted, so the innermost one that holds the image is. Subvolumes nested in it are empty directories in the
/// snapshot; so are earlier snapshots, which is why ours can lie in the subvolume itself, as <c>.virtsnapshot-NAME-…</c> in its root. No folder of its own
/// is around it: two domains in one subvolume would make and remove that under each other.</item>
/// <item><c>btrfs subvolume snapshot SOURCE PLACE</c> puts the snapshot into <c>PLACE</c> under another name if that is a directory, be it through a link.
/// What was taken is therefore looked at before it counts.</item>
/// <item>Making one writes out the source's dirty data and commits a transaction; it is on disk when the call returns. What is flushed ahead is not waited for in
/// the freeze window.</item>
/// <item>Owners and modes stay: who may read the image may read the snapshot. It is reached through the same directories.</item>
/// <item>It is a file system of its own to <c>stat(2)</c>, with the same inode numbers as the source.</item>
/// <item>Deleting does not mind open files, whose readers go on, nor mounts of it; who looks for the next file finds nothing. We look for readers first.
/// It is deleted by its number, which is never used again: whatever is put at its path in the last moment is not touched.</item>
/// <item>Without <c>--commit-after</c> a deleted snapshot may be back after a power failure.</item>
/// <item>An image without copy-on-write (chattr +C, as in libvirt's own pools) is copied on the first write to each block after a snapshot all the same.</item>
/// </list>
/// </remarks>
internal sealed class BtrfsMethod : VolumeMethod
{
    private const string UuidDetail = "uuid";

    // An image in the subvolume's root, or in a folder of the domain's there. What lies deeper is in a subvolume that is for other things as well: /var, /home.
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
            return VolumeFit.Impossible($"the root of the subvolume that holds its image cannot be seen below '{layer.MountPoint}'");
        }

        if (layer.IsReadOnly)
        {
            return VolumeFit.Impossible($"'{layer.MountPoint}' is mounted read-only");
        }

        var volume = new Volume(root, root);
        if (HostPath.Below(layer.File, root).Count(letter => letter == '/') > DeepestFolder)
        {
            return new VolumeFit(volume, MethodRank.Possible, $"its image is not on a subvolume of its own, but deep in '{root}', all of which is snapshotted");
        }

        if (IsShared(layer, root))
        {
            return new VolumeFit(volume, MethodRank.Possible, $"its image is not on a subvolume of its own: all of '{root}' is snapshotted");
        }

        return stack.Find<ImageLayer>()?.Format == "raw"
            ? new VolumeFit(volume, MethodRank.Default, $"raw on btrfs: the subvolume '{root}' is snapshotted, and the disk stays as it is")
            : new VolumeFit(volume, MethodRank.Possible, $"the subvolume '{root}' is snapshotted, and the disk stays as it is");
    }

    /// <summary>It takes as long as it takes to write out what came in since <see cref="Prepare"/>.</summary>
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
            request.Warn($"The images of domain '{request.Domain.Name}' in '{root}' are not on a subvolume of their own: the snapshot keeps the old blocks of everything in there, and not only of the images.");
        }

        foreach (var disk in request.Disks.Where(disk => disk.Source.Path is { } path && CopyOnWrite.IsOff(request.Host, path)))
        {
            request.Warn($"The image of disk '{disk.Target}' of domain '{request.Domain.Name}' is without copy-on-write (chattr +C): after the snapshot, the first write to each of its blocks is copied all the same.");
        }

        return new VolumeSnapshot(request.Volume, at, at, new Dictionary<string, string>(StringComparer.Ordinal) { [UuidDetail] = subvolume.Uuid });
    }

    /// <summary>Snapshotting flushes by itself; this is so that little is left for it. Where it fails, the snapshot will tell.</summary>
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
        if (host.Stat(snapshot.At) is null && !IsInSight(host, snapshot))
        {
            throw VolumeFailure.OutOfSight(snapshot, snapshot.Volume.Name);
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
            return IsInSight(host, snapshot) ? false : throw VolumeFailure.OutOfSight(snapshot, snapshot.Volume.Name);
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

    public override bool Exists(IHost host, VolumeSnapshot snapshot) => host.Stat(snapshot.At) is not null || !IsInSight(host, snapshot);

    /// <summary>Whether other things than the image lie there that nobody meant: the root of the whole file system, or of the system.</summary>
    private static bool IsShared(FileSystemLayer layer, string root) =>
        root == "/" || (root == layer.MountPoint && layer.Root == "/");

    /// <summary>A mount point that nothing is mounted on shows no snapshot either, nor does another subvolume in that place.</summary>
    private static bool IsInSight(IHost host, VolumeSnapshot snapshot) =>
        Subvolume.Read(host, snapshot.Volume.Root!) is { } subvolume && subvolume.Uuid == snapshot.Details.GetValueOrDefault(UuidDetail);

    private static string? WhyNotOurs(VolumeSnapshot snapshot, Subvolume? found) => found switch
    {
        _ when !VolumeNames.IsOurs(snapshot, snapshot.Volume.Root!) => "its name is none that we give",
        null => "it is not a subvolume",
        _ when found.ParentUuid != snapshot.Details.GetValueOrDefault(UuidDetail) => "it is a snapshot of another subvolume",
        { IsReadOnly: false } => "it is not read-only",
        _ => null,
    };
}
