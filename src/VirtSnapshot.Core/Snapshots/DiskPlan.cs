using VirtSnapshot.Domains;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Snapshots;

/// <summary>What a run would do to one disk.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Method">The method.</param>
/// <param name="Level">The level of the storage stack that it works at.</param>
/// <param name="Reason">Why this method.</param>
/// <param name="Consistency">What the snapshot will promise if all goes well.</param>
/// <param name="Files">The files that will be made, on the hypervisor's host.</param>
/// <param name="IsShielded">Whether an overlay takes the guest's writes meanwhile, so that it need not wait.</param>
public sealed record DiskPlan(
    VmDisk Disk, string Method, StorageLevel Level, string Reason, Consistency Consistency, IReadOnlyList<string> Files, bool IsShielded = false)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Disk}: {Method} at level {Level.ToString().ToLowerInvariant()} ({Reason}), {Consistency}, {string.Join(", ", Files)}{(IsShielded ? ", behind an overlay that is merged back at once" : "")}";
}
