using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>
/// Whether a snapshot of a volume holds an image with all that it stands on. Paths alone do not tell: another file system or a nested
/// subvolume may be mounted inside the volume, and a link may lead out of it or, in the snapshot, to the live image.
/// </summary>
internal static class VolumeImages
{
    /// <summary>A snapshot holds only the images inside its volume, and a name that leads out of it leads to what the domain goes on changing.</summary>
    public static string? WhyOutside(StorageStack stack, Volume volume)
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

    /// <summary>Why a snapshot would not hold a disk's images; null where it would. Asked while planning.</summary>
    public static string? WhyNotHeld(IHost host, Volume volume, StorageStack stack)
    {
        if (volume.Root is null || stack.Find<FileSystemLayer>() is not { } layer || host.Stat(layer.File, followLink: true) is not { } top)
        {
            return null;
        }

        // What the image itself lies in, which may be a subvolume inside the volume.
        // QEMU looks for a relative name beside the image as it was told of it, and of the snapshot it is told the resolved path.
        var image = layer.File;
        foreach (var backing in stack.Find<ImageLayer>()?.BackingChain ?? [])
        {
            var found = host.Stat(backing.Path!, followLink: true);
            image = Path.GetFullPath(backing.Written, Path.GetDirectoryName(image)!);
            if (found is null || host.Stat(image, followLink: true)?.IsSameFileAs(found) != true)
            {
                return $"its backing image '{backing}' would in a snapshot of '{volume.Name}' not be found as '{backing.Written}'";
            }

            if (found.Device != top.Device)
            {
                return $"its backing image '{backing}' is on another file system or subvolume than '{volume.Name}', so a snapshot of that would not hold it";
            }
        }

        return null;
    }

    /// <summary>What is wrong with a disk's images in a snapshot that was taken; null where they are the ones that the disk stands on.</summary>
    public static string? WhyNotFound(IHost host, VolumeSnapshot snapshot, SnapshotRecord record, StorageStack stack)
    {
        var source = record.Source.Path!;
        if (host.Stat(source, followLink: true) is not { } taken)
        {
            return $"it does not hold '{source}'";
        }

        if (snapshot.Volume.Root is null || stack.Find<FileSystemLayer>() is not { } layer)
        {
            return null;
        }

        var backings = stack.Find<ImageLayer>()?.BackingChain ?? [];
        var copies = backings.Count == 0 ? [record.Source] : ImageChain.FromImages(host, record.Source);
        if (copies.Count != backings.Count + 1)
        {
            return $"'{source}' stands on {copies.Count - 1} image(s) there, and on {backings.Count} in the volume";
        }

        // A snapshot is a file system of its own, in which every file keeps its number.
        return copies.Zip(backings.Select(backing => backing.Path).Prepend(layer.File), (copy, original) =>
        {
            var there = copy.Path == source ? taken : host.Stat(copy.Path!, followLink: true);
            var here = host.Stat(original!, followLink: true);
            return there is null || there.Device != taken.Device || there.Device == here?.Device || there.Inode != here?.Inode
                ? $"'{copy.Path}' there is not what '{original}' is in the volume"
                : null;
        }).FirstOrDefault(problem => problem is not null);
    }

    private static bool IsBelow(string path, string root) => root == "/" || path.StartsWith(root + "/", StringComparison.Ordinal);
}
