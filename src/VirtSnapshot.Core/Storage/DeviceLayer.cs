using System.Globalization;

namespace VirtSnapshot.Storage;

/// <summary>A block device.</summary>
/// <param name="DeviceType">As <c>lsblk</c> has it: <c>crypt</c>, <c>raid1</c>, <c>mpath</c>, <c>part</c>, <c>disk</c>, <c>loop</c> …</param>
/// <param name="Path">Its path on the host.</param>
/// <param name="Size">Bytes.</param>
public record DeviceLayer(string DeviceType, string Path, long Size) : StorageLayer(StorageLevel.Device, DeviceType, Path)
{
    /// <inheritdoc/>
    public override string Details => string.Create(CultureInfo.InvariantCulture, $"{Size / 1048576.0:N0} MiB");
}
