using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>The method that was chosen for a disk, and why.</summary>
internal sealed record MethodChoice(SnapshotMethod Provider, DiskSnapshotMethod Method, string Reason, StorageLevel Level);
