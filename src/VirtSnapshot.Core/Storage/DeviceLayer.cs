using System.Globalization;

namespace VirtSnapshot.Storage;

/// <summary>A block device.</summary>
public record DeviceLayer(string DeviceType, string Path, long Size) : StorageLayer(StorageLevel.Device, DeviceType, Path)
{
    /// <summary>As <c>lsblk</c> has it: <c>crypt</c>, <c>raid1</c>, <c>mpath</c>, <c>part</c>, <c>disk</c>, <c>loop</c> …</summary>
    public string DeviceType { get; } = DeviceType;

    /// <summary>Its path on the host.</summary>
    public string Path { get; } = Path;

    /// <summary>Bytes.</summary>
    public long Size { get; } = Size;

    /// <inheritdoc/>
    public override string Details => string.Create(CultureInfo.InvariantCulture, $"{Size / 1048576.0:N0} MiB");
}
