using System.Globalization;

namespace VirtSnapshot.Storage;

/// <summary>A block device.</summary>
public record DeviceLayer(string DeviceType, string Path, long Size) : StorageLayer(StorageLevel.Device, DeviceType, Path)
{
    /// <summary>The type that <c>lsblk</c> reports: <c>crypt</c>, <c>raid1</c>, <c>mpath</c>, <c>part</c>, <c>disk</c>, <c>loop</c> …</summary>
    public string DeviceType { get; } = DeviceType;

    /// <summary>Its path on the host.</summary>
    public string Path { get; } = Path;

    /// <summary>Bytes.</summary>
    public long Size { get; } = Size;

    /// <inheritdoc/>
    public override string Details => string.Create(CultureInfo.InvariantCulture, $"{Size / 1048576.0:N0} MiB");
}

/// <summary>A ZFS volume.</summary>
public sealed record ZvolLayer(string Dataset, string Device, long Bytes) : DeviceLayer("zvol", Device, Bytes)
{
    /// <summary>Its dataset: <c>tank/vm1</c>.</summary>
    public string Dataset { get; } = Dataset;

    /// <summary>Its path on the host.</summary>
    public string Device { get; } = Device;

    /// <summary>Its size.</summary>
    public long Bytes { get; } = Bytes;

    /// <inheritdoc/>
    public override string Details => $"dataset {Dataset}, {base.Details}";
}
