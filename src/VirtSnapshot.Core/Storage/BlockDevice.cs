namespace VirtSnapshot.Storage;

/// <summary>A block device, as <c>lsblk</c> tells.</summary>
/// <param name="Number"><c>major:minor</c>.</param>
/// <param name="KernelName"><c>sda1</c>, <c>dm-3</c>.</param>
/// <param name="Path">Its path on the host, under the name that lasts longer.</param>
/// <param name="Type"><c>disk</c>, <c>part</c>, <c>lvm</c>, <c>crypt</c> …</param>
/// <param name="Size">Bytes.</param>
internal sealed record BlockDevice(string Number, string KernelName, string Path, string Type, long Size)
{
    /// <summary>The devices that it stands on.</summary>
    public List<BlockDevice> Below { get; } = [];
}
