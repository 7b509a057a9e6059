namespace VirtSnapshot.Methods;

/// <summary>
/// A method whose snapshots put a layer on a disk that holds the disk's newest data. The layer can lose its record, or its place in the disk's definition, as
/// after <c>virsh define</c> of an old XML.
/// </summary>
internal interface IOverlayMethod
{
    /// <summary>Layers on the domain's disks that no record explains: snapshots of other tools.</summary>
    /// <param name="request">The domain.</param>
    /// <param name="recorded">What is explained.</param>
    /// <param name="use">Which disks use which image; read only where that matters.</param>
    IReadOnlyList<SnapshotRecord> FindUnrecorded(MethodRequest request, IReadOnlyList<SnapshotRecord> recorded, Func<ImageUse> use);

    /// <summary>Snapshots of this domain according to the storage itself, with or without a record, the oldest of each disk first.</summary>
    IReadOnlyList<LostDisk> FindLost(MethodRequest request, FolderListing listing);

    /// <summary>Why a disk of a shut-off domain must not continue with the layers that it lacks, as the end of a sentence; null where it may.</summary>
    /// <param name="request">The domain.</param>
    /// <param name="detached">All layers that the disk lacks, the oldest first.</param>
    string? WhyNotReattachable(MethodRequest request, IReadOnlyList<SnapshotRecord> detached);

    /// <summary>Lets the disk's stored definition continue with the layers that it lacks. May be repeated.</summary>
    void Reattach(MethodRequest request, IReadOnlyList<SnapshotRecord> detached);

    /// <summary>Why the layers that a disk lacks must stay where they are, as the end of a sentence; null where nothing else needs them.</summary>
    string? WhyNotKeptAside(MethodRequest request, IReadOnlyList<SnapshotRecord> detached);

    /// <summary>Keeps the layers that a disk lacks under names that are not searched. May be repeated.</summary>
    /// <returns>The names.</returns>
    IReadOnlyList<string> KeepAside(MethodRequest request, IReadOnlyList<SnapshotRecord> detached);
}

/// <summary>
/// A snapshot that storage proves to be this disk's, though the domain's record of it, or the disk's way to its newest data, may be lost: as after <c>virsh
/// define</c> of an old XML.
/// </summary>
/// <param name="Record">What its record says, or would say.</param>
/// <param name="File">The file that holds what was written since.</param>
/// <param name="TakenAt">When it was taken, as far as the storage knows.</param>
/// <param name="IsInChain">Whether the disk uses the data written since; else that is missing from the disk.</param>
/// <param name="WhyUseless">Why the disk as it is cannot go on with it, as the end of a sentence; null where it can.</param>
internal sealed record LostDisk(SnapshotRecord Record, string File, DateTimeOffset TakenAt, bool IsInChain, string? WhyUseless = null);

/// <summary>The files in folders of one host, each folder read once; and the folders in which its libvirt keeps images.</summary>
internal sealed class FolderListing
{
    private readonly Dictionary<string, IReadOnlyList<string>> files = new(StringComparer.Ordinal);
    private IReadOnlyList<string>? pools;

    public IReadOnlyList<string> PoolFolders(MethodRequest request) => pools ??= ImageUse.ReadPoolFolders(request.Native.Connection);

    public IReadOnlyList<string> FilesIn(MethodRequest request, string folder)
    {
        if (!files.TryGetValue(folder, out var found))
        {
            files.Add(folder, found = request.Host.ListFiles(folder));
        }

        return found;
    }
}
