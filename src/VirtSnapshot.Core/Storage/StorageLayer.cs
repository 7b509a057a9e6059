namespace VirtSnapshot.Storage;

/// <summary>One layer of a disk's storage stack.</summary>
public abstract record StorageLayer(StorageLevel Level, string Type, string Name)
{
    /// <summary>What kind of layer it is.</summary>
    public StorageLevel Level { get; } = Level;

    /// <summary>What exactly: <c>qcow2</c>, <c>btrfs</c>, <c>lvm</c>, <c>crypt</c>, <c>rbd</c> …</summary>
    public string Type { get; } = Type;

    /// <summary>As its own tools name it: a path, a mount point, <c>vg/lv</c>, a dataset.</summary>
    public string Name { get; } = Name;

    /// <summary>What else is worth knowing about it, for people.</summary>
    public virtual string Details => "";

    /// <inheritdoc/>
    public sealed override string ToString() => Details.Length == 0 ? $"{Type} {Name}" : $"{Type} {Name} ({Details})";
}

/// <summary>What kind of layer it is, from the guest's disk down.</summary>
public enum StorageLevel
{
    /// <summary>The image: its format, and the images it stands on.</summary>
    Image,

    /// <summary>The file system that holds the image's file.</summary>
    FileSystem,

    /// <summary>A block device: a logical volume, a zvol, an array, a partition, a whole drive.</summary>
    Device,

    /// <summary>A server that the hypervisor reads from itself: rbd, nbd, iscsi …</summary>
    Network,
}

/// <summary>A server that the hypervisor reads from itself.</summary>
public sealed record NetworkLayer(string Protocol, string Image) : StorageLayer(StorageLevel.Network, Protocol, Image)
{
    /// <summary><c>rbd</c>, <c>nbd</c>, <c>iscsi</c> …</summary>
    public string Protocol { get; } = Protocol;

    /// <summary>What it is called there.</summary>
    public string Image { get; } = Image;
}
