namespace VirtSnapshot.Storage;

/// <summary>The file system that holds an image.</summary>
public sealed record FileSystemLayer(
    string FileSystem, string MountPoint, string Source, string File, string? Subvolume, bool CanClone, bool IsReadOnly, string Root = "/")
    : StorageLayer(StorageLevel.FileSystem, FileSystem, MountPoint)
{
    /// <summary><c>ext4</c>, <c>xfs</c>, <c>btrfs</c>, <c>zfs</c>, <c>nfs4</c> …</summary>
    public string FileSystem { get; } = FileSystem;

    /// <summary>Where it is mounted.</summary>
    public string MountPoint { get; } = MountPoint;

    /// <summary>What is mounted: a device, a dataset, a server's export.</summary>
    public string Source { get; } = Source;

    /// <summary>
    /// The image's path with all links resolved: it lies below <see cref="MountPoint"/>. An image that is used through a bind mount is shown where the
    /// whole file system is mounted, where that can be seen.
    /// </summary>
    public string File { get; internal init; } = File;

    /// <summary>For btrfs the directory that is the root of the innermost subvolume holding the file; else null.</summary>
    public string? Subvolume { get; } = Subvolume;

    /// <summary>Whether files can share blocks (FICLONE).</summary>
    public bool CanClone { get; } = CanClone;

    /// <summary>Whether it is mounted read-only.</summary>
    public bool IsReadOnly { get; } = IsReadOnly;

    /// <summary>
    /// Which of its directories is seen at <see cref="MountPoint"/>: <c>/</c>, unless only a part of it can be seen anywhere on the host (a bind
    /// mount, a subvolume mounted by itself). A file's path within the file system begins with it.
    /// </summary>
    public string Root { get; } = Root;

    /// <inheritdoc/>
    public override string Details => string.Join(", ", new[]
    {
        FileSystem == "zfs" ? $"dataset {Source}" : null,
        Subvolume is null ? null : $"subvolume {Subvolume}",
        CanClone ? "clones blocks" : null,
        IsReadOnly ? "read-only" : null,
    }.OfType<string>());
}
