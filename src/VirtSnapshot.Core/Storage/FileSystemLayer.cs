namespace VirtSnapshot.Storage;

/// <summary>The file system that holds an image.</summary>
public sealed record FileSystemLayer(
    string FileSystem, string MountPoint, string Source, string File, string? Subvolume, bool CanClone, bool IsReadOnly, string Root = "/")
    : StorageLayer(StorageLevel.FileSystem, FileSystem, MountPoint)
{
    /// <summary><c>ext4</c>, <c>xfs</c>, <c>btrfs</c>, <c>zfs</c>, <c>nfs4</c> …</summary>
    public string FileSystem { get; } = FileSystem;

    /// <summary>Its mount point.</summary>
    public string MountPoint { get; } = MountPoint;

    /// <summary>The mounted source: a device, a dataset, a server's export.</summary>
    public string Source { get; } = Source;

    /// <summary>
    /// The image's path below <see cref="MountPoint"/>, with all links resolved. For an image in a bind mount it is the path in a mount of the whole
    /// file system, if there is one.
    /// </summary>
    public string File { get; internal init; } = File;

    /// <summary>For btrfs, the root directory of the innermost subvolume that contains the file; else null.</summary>
    public string? Subvolume { get; } = Subvolume;

    /// <summary>Whether files can share blocks (FICLONE).</summary>
    public bool CanClone { get; } = CanClone;

    /// <summary>Whether it is mounted read-only.</summary>
    public bool IsReadOnly { get; } = IsReadOnly;

    /// <summary>
    /// The directory of the file system that is mounted at <see cref="MountPoint"/>: <c>/</c>, unless only a part of it is mounted on the host (a
    /// bind mount, a single subvolume). A file's path within the file system begins with it.
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
