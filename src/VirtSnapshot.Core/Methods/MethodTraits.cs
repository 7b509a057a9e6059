using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>What the engine has to know of a method. It is data, so that the engine never decides by a method's name.</summary>
/// <param name="Level">The level of the storage stack that the method works at, unless <see cref="MethodFit.Level"/> says otherwise for a disk.</param>
/// <param name="ChangesDisk">Whether the domain's disk has another source after a snapshot: an overlay. Removing such a snapshot merges it.</param>
/// <param name="NeedsVcpuPause">
/// Whether the vCPUs of a running guest that is not frozen must be paused while the snapshot is taken: the method copies what lies on the storage, and QEMU may
/// still hold back writes.
/// </param>
/// <param name="ServesAsTemporaryOverlay">
/// Whether a snapshot of this method can take a disk's writes while a slow snapshot of what lies under it is made, and be merged back afterwards.
/// </param>
/// <param name="HasCowSpace">Whether a snapshot has COW space of its own, which can run full.</param>
internal sealed record MethodTraits(
    StorageLevel Level, bool ChangesDisk = false, bool NeedsVcpuPause = false, bool ServesAsTemporaryOverlay = false, bool HasCowSpace = false);
