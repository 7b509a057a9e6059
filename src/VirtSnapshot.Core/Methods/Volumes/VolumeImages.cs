using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>
/// Whether a snapshot of a volume holds an image with its backing chain. Paths are not enough: another file system or a nested
/// subvolume may be mounted inside the volume, and a link may lead out of it or, in the snapshot, to the live image.
/// </summary>
internal static class VolumeImages
{
    /// <summary>A snapshot holds only the images inside its volume, and a backing file name that leads out of it leads to the live image.</summary>
    public static string? WhyOutside(StorageStack stack, Volume volume)
    {
        var fileSystem = stack.Find<FileSystemLayer>();
        var above = fileSystem?.File;
        foreach (var backing in stack.Find<ImageLayer>()?.BackingChain ?? [])
        {
            // A folder below the root may be on another mount or in another subvolume.
            if (volume.Root is null || above is null || backing.FileSystem is not { } there
                || there.MountPoint != fileSystem!.MountPoint
                || (volume.Root == fileSystem.Subvolume && there.Subvolume != fileSystem.Subvolume)
                || !IsBelow(there.File, volume.Root))
            {
                return $"its backing image '{backing}' is outside '{volume.Name}', so a snapshot of that would not include it";
            }

            if (Path.IsPathRooted(backing.Written) || backing.Written.Contains(':', StringComparison.Ordinal))
            {
                return $"its backing file name '{backing.Written}' leads out of a snapshot of '{volume.Name}'; it must be relative to the image "
                    + "('qemu-img rebase -u -b' changes it while the domain is shut off)";
            }

            if (Path.GetFullPath(backing.Written, Path.GetDirectoryName(above)!) != there.File)
            {
                return $"its backing file name '{backing.Written}' leads to '{there.File}' through a link, "
                    + $"which may lead elsewhere in a snapshot of '{volume.Name}'";
            }

            above = there.File;
        }

        return null;
    }

    /// <summary>Why a snapshot would not hold a disk's images; null where it would. Called while planning.</summary>
    public static string? WhyNotHeld(IHost host, Volume volume, StorageStack stack)
    {
        if (volume.Root is null || stack.Find<FileSystemLayer>() is not { } layer || host.Stat(layer.File, followLink: true) is not { } top)
        {
            return null;
        }

        // The image itself may be in a subvolume inside the volume.
        // QEMU resolves a relative backing file name against the image's path as given, and for a snapshot the resolved path is given.
        var image = layer.File;
        foreach (var backing in stack.Find<ImageLayer>()?.BackingChain ?? [])
        {
            var found = host.Stat(backing.Path!, followLink: true);
            image = Path.GetFullPath(backing.Written, Path.GetDirectoryName(image)!);
            if (found is null || host.Stat(image, followLink: true)?.IsSameFileAs(found) != true)
            {
                return $"its backing image '{backing}' would not be found as '{backing.Written}' in a snapshot of '{volume.Name}'";
            }

            if (found.Device != top.Device)
            {
                return $"its backing image '{backing}' is on another file system or subvolume than '{volume.Name}', so a snapshot of that would not include it";
            }
        }

        return null;
    }

    /// <summary>What is wrong with a disk's images in a taken snapshot; null where they are the images of the disk's backing chain.</summary>
    public static string? WhyNotFound(IHost host, VolumeSnapshot snapshot, SnapshotRecord record, StorageStack stack)
    {
        var source = record.Source.Path!;
        if (host.Stat(source, followLink: true) is not { } taken)
        {
            return $"'{source}' is missing in it";
        }

        if (snapshot.Volume.Root is null || stack.Find<FileSystemLayer>() is not { } layer)
        {
            return null;
        }

        var backings = stack.Find<ImageLayer>()?.BackingChain ?? [];
        var copies = backings.Count == 0 ? [record.Source] : ImageChain.FromImages(host, record.Source);
        if (copies.Count != backings.Count + 1)
        {
            return $"'{source}' has {copies.Count - 1} backing image(s) there, and {backings.Count} in the volume";
        }

        // A snapshot is a file system of its own, in which every file keeps its inode number.
        return copies.Zip(backings.Select(backing => backing.Path).Prepend(layer.File), (copy, original) =>
        {
            var there = copy.Path == source ? taken : host.Stat(copy.Path!, followLink: true);
            var here = host.Stat(original!, followLink: true);
            return there is null || there.Device != taken.Device || there.Device == here?.Device || there.Inode != here?.Inode
                ? $"'{copy.Path}' in it is not '{original}' of the volume"
                : null;
        }).FirstOrDefault(problem => problem is not null);
    }

    private static bool IsBelow(string path, string root) => root == "/" || path.StartsWith(root + "/", StringComparison.Ordinal);
}
