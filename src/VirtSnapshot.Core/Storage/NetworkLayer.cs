namespace VirtSnapshot.Storage;

/// <summary>A server that the hypervisor reads from itself.</summary>
public sealed record NetworkLayer(string Protocol, string Image) : StorageLayer(StorageLevel.Network, Protocol, Image)
{
    /// <summary><c>rbd</c>, <c>nbd</c>, <c>iscsi</c> …</summary>
    public string Protocol { get; } = Protocol;

    /// <summary>What it is called there.</summary>
    public string Image { get; } = Image;
}
