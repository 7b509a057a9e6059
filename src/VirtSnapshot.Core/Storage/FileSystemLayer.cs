namespace VirtSnapshot.Storage;

/// <summary>The file system that holds an image.</summary>
/// <param name="FileSystem"><c>ext4</c>, <c>xfs</c>, <c>btrfs</c>, <c>zfs</c>, <c>nfs4</c> …</param>
/// <param name="MountPoint">Where it is mounted.</param>
/// <param name="Source">What is mounted: a device, a dataset, a server's export.</param>
/// <param name="File">
/// The image's path with all links resolved: it lies below <paramref name="MountPoint"/>. An image that is used through a bind mount is shown where the
/// whole file system is mounted, where that can be seen.
/// </param>
/// <param name="Subvolume">For btrfs the directory that is the root of the innermost subvolume holding the file; else null.</param>
/// <param name="CanClone">Whether files can share blocks (FICLONE).</param>
/// <param name="IsReadOnly">Whether it is mounted read-only.</param>
/// <param name="Root">
/// Which of its directories is seen at <paramref name="MountPoint"/>: <c>/</c>, unless only a part of it can be seen anywhere on the host (a bind
/// mount, a subvolume mounted by itself). A file's path within the file system begins with it.
/// </param>
public sealed record FileSystemLayer(
    string FileSystem, string MountPoint, string Source, string File, string? Subvolume, bool CanClone, bool IsReadOnly, string Root = "/")
    : StorageLayer(StorageLevel.FileSystem, FileSystem, MountPoint)
{
    /// <inheritdoc/>
    public override string Details => string.Join(", ", new[]
    {
        FileSystem == "zfs" ? $"dataset {Source}" : null,
        Subvolume is null ? null : $"subvolume {Subvolume}",
        CanClone ? "clones blocks" : null,
        IsReadOnly ? "read-only" : null,
    }.OfType<string>());
}
