namespace VirtSnapshot.Storage;

/// <summary>One layer of a disk's storage stack.</summary>
public abstract record StorageLayer(StorageLevel Level, string Type, string Name)
{
    /// <summary>The kind of layer.</summary>
    public StorageLevel Level { get; } = Level;

    /// <summary>The type: <c>qcow2</c>, <c>btrfs</c>, <c>lvm</c>, <c>crypt</c>, <c>rbd</c> …</summary>
    public string Type { get; } = Type;

    /// <summary>The name that its tools use: a path, a mount point, <c>vg/lv</c>, a dataset.</summary>
    public string Name { get; } = Name;

    /// <summary>Further properties, as text for display.</summary>
    public virtual string Details => "";

    /// <inheritdoc/>
    public sealed override string ToString() => Details.Length == 0 ? $"{Type} {Name}" : $"{Type} {Name} ({Details})";
}

/// <summary>The kinds of layers, from the guest's disk down.</summary>
public enum StorageLevel
{
    /// <summary>The image: its format and its backing images.</summary>
    Image,

    /// <summary>The file system of the image file.</summary>
    FileSystem,

    /// <summary>A block device: a logical volume, a zvol, an array, a partition, a whole drive.</summary>
    Device,

    /// <summary>A server that the hypervisor accesses directly: rbd, nbd, iscsi …</summary>
    Network,
}

/// <summary>A server that the hypervisor accesses directly.</summary>
public sealed record NetworkLayer(string Protocol, string Image) : StorageLayer(StorageLevel.Network, Protocol, Image)
{
    /// <summary><c>rbd</c>, <c>nbd</c>, <c>iscsi</c> …</summary>
    public string Protocol { get; } = Protocol;

    /// <summary>The name of the image on the server.</summary>
    public string Image { get; } = Image;
}
