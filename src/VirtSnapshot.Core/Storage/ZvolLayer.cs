namespace VirtSnapshot.Storage;

/// <summary>A block device made by ZFS.</summary>
public sealed record ZvolLayer(string Dataset, string Device, long Bytes) : DeviceLayer("zvol", Device, Bytes)
{
    /// <summary>Its name: <c>tank/vm1</c>.</summary>
    public string Dataset { get; } = Dataset;

    /// <summary>Its path on the host.</summary>
    public string Device { get; } = Device;

    /// <summary>Its size.</summary>
    public long Bytes { get; } = Bytes;

    /// <inheritdoc/>
    public override string Details => $"dataset {Dataset}, {base.Details}";
}
