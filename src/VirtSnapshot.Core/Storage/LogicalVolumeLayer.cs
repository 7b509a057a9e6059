using System.Globalization;

namespace VirtSnapshot.Storage;

/// <summary>A logical volume of LVM.</summary>
public sealed record LogicalVolumeLayer(
    string VolumeGroup,
    string Volume,
    string Uuid,
    string Device,
    long Bytes,
    string? Pool,
    double? PoolDataPercent,
    double? PoolMetadataPercent,
    long GroupFree,
    long ExtentSize,
    string Kind)
    : DeviceLayer("lvm", Device, Bytes)
{
    /// <summary>Its volume group.</summary>
    public string VolumeGroup { get; } = VolumeGroup;

    /// <summary>Its name within the group.</summary>
    public string Volume { get; } = Volume;

    /// <summary>LVM's identity of it, which outlives renaming.</summary>
    public string Uuid { get; } = Uuid;

    /// <summary>Its path on the host: <c>/dev/vg/lv</c>.</summary>
    public string Device { get; } = Device;

    /// <summary>Its size.</summary>
    public long Bytes { get; } = Bytes;

    /// <summary>The thin pool that it lies in; null for a thick one.</summary>
    public string? Pool { get; } = Pool;

    /// <summary>How full the pool's data is, in percent; null for a thick one.</summary>
    public double? PoolDataPercent { get; } = PoolDataPercent;

    /// <summary>How full the pool's metadata is, in percent; null for a thick one.</summary>
    public double? PoolMetadataPercent { get; } = PoolMetadataPercent;

    /// <summary>Bytes free in the volume group.</summary>
    public long GroupFree { get; } = GroupFree;

    /// <summary>Bytes of one extent, the group's unit of room.</summary>
    public long ExtentSize { get; } = ExtentSize;

    /// <summary>LVM's own word for what it is: <c>linear</c>, <c>striped</c>, <c>thin</c>, <c>raid1</c>, <c>snapshot</c> …</summary>
    public string Kind { get; } = Kind;

    /// <summary><c>vg/lv</c>.</summary>
    public string FullName => $"{VolumeGroup}/{Volume}";

    /// <inheritdoc/>
    public override string Details => Pool is null
        ? string.Create(CultureInfo.InvariantCulture, $"{Kind}, {base.Details}, {GroupFree / 1048576.0:N0} MiB free in {VolumeGroup}")
        : string.Create(CultureInfo.InvariantCulture, $"thin, {base.Details}, pool {VolumeGroup}/{Pool} {PoolDataPercent:0.#} % full, its metadata {PoolMetadataPercent:0.#} %");
}
