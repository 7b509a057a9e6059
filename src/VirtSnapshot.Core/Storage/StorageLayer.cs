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
