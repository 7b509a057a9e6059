using System.Globalization;

namespace VirtSnapshot.Storage;

/// <summary>An LVM logical volume.</summary>
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

    /// <summary>Its LVM UUID, which does not change when it is renamed.</summary>
    public string Uuid { get; } = Uuid;

    /// <summary>Its path on the host: <c>/dev/vg/lv</c>.</summary>
    public string Device { get; } = Device;

    /// <summary>Its size in bytes.</summary>
    public long Bytes { get; } = Bytes;

    /// <summary>Its thin pool; null for a thick volume.</summary>
    public string? Pool { get; } = Pool;

    /// <summary>The pool's data usage in percent; null for a thick volume.</summary>
    public double? PoolDataPercent { get; } = PoolDataPercent;

    /// <summary>The pool's metadata usage in percent; null for a thick volume.</summary>
    public double? PoolMetadataPercent { get; } = PoolMetadataPercent;

    /// <summary>The free bytes of the volume group.</summary>
    public long GroupFree { get; } = GroupFree;

    /// <summary>The extent size of the volume group, in bytes.</summary>
    public long ExtentSize { get; } = ExtentSize;

    /// <summary>LVM's segment type: <c>linear</c>, <c>striped</c>, <c>thin</c>, <c>raid1</c>, <c>snapshot</c> …</summary>
    public string Kind { get; } = Kind;

    /// <summary><c>vg/lv</c>.</summary>
    public string FullName => $"{VolumeGroup}/{Volume}";

    /// <inheritdoc/>
    public override string Details => Pool is null
        ? string.Create(CultureInfo.InvariantCulture, $"{Kind}, {base.Details}, {GroupFree / 1048576.0:N0} MiB free in {VolumeGroup}")
        : string.Create(
            CultureInfo.InvariantCulture,
            $"thin, {base.Details}, pool {VolumeGroup}/{Pool} {PoolDataPercent:0.#} % full, its metadata {PoolMetadataPercent:0.#} %");
}
