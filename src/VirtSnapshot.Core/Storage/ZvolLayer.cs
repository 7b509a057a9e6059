namespace VirtSnapshot.Storage;

/// <summary>A block device made by ZFS.</summary>
/// <param name="Dataset">Its name: <c>tank/vm1</c>.</param>
/// <param name="Device">Its path on the host.</param>
/// <param name="Bytes">Its size.</param>
public sealed record ZvolLayer(string Dataset, string Device, long Bytes) : DeviceLayer("zvol", Device, Bytes)
{
    /// <inheritdoc/>
    public override string Details => $"dataset {Dataset}, {base.Details}";
}
