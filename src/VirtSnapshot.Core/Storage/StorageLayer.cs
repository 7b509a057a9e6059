namespace VirtSnapshot.Storage;

/// <summary>One layer of a disk's storage stack.</summary>
/// <param name="Level">What kind of layer it is.</param>
/// <param name="Type">What exactly: <c>qcow2</c>, <c>btrfs</c>, <c>lvm</c>, <c>crypt</c>, <c>rbd</c> …</param>
/// <param name="Name">As its own tools name it: a path, a mount point, <c>vg/lv</c>, a dataset.</param>
public abstract record StorageLayer(StorageLevel Level, string Type, string Name)
{
    /// <summary>What else is worth knowing about it, for people.</summary>
    public virtual string Details => "";

    /// <inheritdoc/>
    public sealed override string ToString() => Details.Length == 0 ? $"{Type} {Name}" : $"{Type} {Name} ({Details})";
}
