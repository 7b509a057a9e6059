namespace VirtSnapshot.Storage;

/// <summary>A block device, as <c>lsblk</c> tells.</summary>
internal sealed class BlockDevice(string number, string kernelName, string path, string type, long size)
{
    /// <summary><c>major:minor</c>.</summary>
    public string Number => number;

    /// <summary><c>sda1</c>, <c>dm-3</c>.</summary>
    public string KernelName => kernelName;

    /// <summary>Its path on the host, under the name that lasts longer.</summary>
    public string Path => path;

    /// <summary><c>disk</c>, <c>part</c>, <c>lvm</c>, <c>crypt</c> …</summary>
    public string Type => type;

    /// <summary>Bytes.</summary>
    public long Size => size;

    /// <summary>The devices that it stands on.</summary>
    public List<BlockDevice> Below { get; } = [];

    /// <summary>Whether it is another device, or anything below it is.</summary>
    public bool DependsOn(BlockDevice other) => this == other || Below.Exists(below => below.DependsOn(other));
}
