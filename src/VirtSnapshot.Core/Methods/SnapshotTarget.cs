using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>A disk that is to be snapshotted, and how.</summary>
/// <param name="Context">The disk.</param>
/// <param name="Method">The method.</param>
/// <param name="Settings">The <c>&lt;diskSnapshot&gt;</c> element.</param>
/// <param name="Fit">What the method's probe found.</param>
/// <param name="Reason">Why it is this method, as the end of a sentence.</param>
internal sealed record SnapshotTarget(DiskContext Context, SnapshotMethod Method, DiskSnapshotMethod Settings, MethodFit Fit, string Reason)
{
    public VmDisk Disk => Context.Disk;

    public StorageLevel Level => Fit.Level ?? Method.Traits.Level;

    /// <summary>Whether the snapshot only takes the disk's writes while a slow snapshot of what lies under it is made, and is merged back then.</summary>
    public bool IsTemporary { get; init; }
}
