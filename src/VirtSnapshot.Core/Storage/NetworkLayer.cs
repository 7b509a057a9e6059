namespace VirtSnapshot.Storage;

/// <summary>A server that the hypervisor reads from itself.</summary>
/// <param name="Protocol"><c>rbd</c>, <c>nbd</c>, <c>iscsi</c> …</param>
/// <param name="Image">What it is called there.</param>
public sealed record NetworkLayer(string Protocol, string Image) : StorageLayer(StorageLevel.Network, Protocol, Image);
