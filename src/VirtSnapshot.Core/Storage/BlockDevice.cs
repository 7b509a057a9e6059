namespace VirtSnapshot.Storage;

/// <summary>A block device, as <c>lsblk</c> reports it.</summary>
internal sealed class BlockDevice(string number, string kernelName, string path, string type, long size)
{
    /// <summary><c>major:minor</c>.</summary>
    public string Number => number;

    /// <summary><c>sda1</c>, <c>dm-3</c>.</summary>
    public string KernelName => kernelName;

    /// <summary>Its path on the host, with the more stable of its names.</summary>
    public string Path => path;

    /// <summary><c>disk</c>, <c>part</c>, <c>lvm</c>, <c>crypt</c> …</summary>
    public string Type => type;

    /// <summary>Bytes.</summary>
    public long Size => size;

    /// <summary>The underlying devices.</summary>
    public List<BlockDevice> Below { get; } = [];

    /// <summary>Whether it is the other device, or the other device underlies it.</summary>
    public bool DependsOn(BlockDevice other) => this == other || Below.Exists(below => below.DependsOn(other));
}
