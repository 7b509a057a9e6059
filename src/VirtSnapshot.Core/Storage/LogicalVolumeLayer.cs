using System.Globalization;

namespace VirtSnapshot.Storage;

/// <summary>A logical volume of LVM.</summary>
/// <param name="VolumeGroup">Its volume group.</param>
/// <param name="Volume">Its name within the group.</param>
/// <param name="Uuid">LVM's identity of it, which outlives renaming.</param>
/// <param name="Device">Its path on the host: <c>/dev/vg/lv</c>.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Pool">The thin pool that it lies in; null for a thick one.</param>
/// <param name="PoolDataPercent">How full the pool's data is, in percent; null for a thick one.</param>
/// <param name="PoolMetadataPercent">How full the pool's metadata is, in percent; null for a thick one.</param>
/// <param name="GroupFree">Bytes free in the volume group.</param>
/// <param name="ExtentSize">Bytes of one extent, the group's unit of room.</param>
/// <param name="Kind">LVM's own word for what it is: <c>linear</c>, <c>striped</c>, <c>thin</c>, <c>raid1</c>, <c>snapshot</c> …</param>
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
    /// <summary><c>vg/lv</c>.</summary>
    public string FullName => $"{VolumeGroup}/{Volume}";

    /// <inheritdoc/>
    public override string Details => Pool is null
        ? string.Create(CultureInfo.InvariantCulture, $"{Kind}, {base.Details}, {GroupFree / 1048576.0:N0} MiB free in {VolumeGroup}")
        : string.Create(CultureInfo.InvariantCulture, $"thin, {base.Details}, pool {VolumeGroup}/{Pool} {PoolDataPercent:0.#} % full, its metadata {PoolMetadataPercent:0.#} %");
}
