using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>What the engine has to know of a method. It is data, so that the engine never decides by a method's name.</summary>
public sealed record MethodTraits(
    StorageLevel Level, bool ChangesDisk = false, bool NeedsVcpuPause = false, bool ServesAsTemporaryOverlay = false, bool HasCowSpace = false)
{
    /// <summary>The level of the storage stack that the method works at, unless <see cref="MethodFit.Level"/> says otherwise for a disk.</summary>
    public StorageLevel Level { get; internal init; } = Level;

    /// <summary>Whether the domain's disk has another source after a snapshot: an overlay. Removing such a snapshot merges it.</summary>
    public bool ChangesDisk { get; internal init; } = ChangesDisk;

    /// <summary>
    /// Whether the vCPUs of a running guest that is not frozen must be paused while the snapshot is taken: the method copies what lies on the storage, and
    /// QEMU may still hold back writes.
    /// </summary>
    public bool NeedsVcpuPause { get; internal init; } = NeedsVcpuPause;

    /// <summary>
    /// Whether a snapshot of this method can take a disk's writes while a slow snapshot of what lies under it is made, and be merged back afterwards.
    /// </summary>
    public bool ServesAsTemporaryOverlay { get; internal init; } = ServesAsTemporaryOverlay;

    /// <summary>Whether a snapshot has COW space of its own, which can run full.</summary>
    public bool HasCowSpace { get; internal init; } = HasCowSpace;
}
