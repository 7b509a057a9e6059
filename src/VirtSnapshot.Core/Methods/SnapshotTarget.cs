using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>A disk that is to be snapshotted, and how.</summary>
public sealed record SnapshotTarget(DiskContext Context, SnapshotMethod Method, DiskSnapshotMethod Settings, MethodFit Fit, string Reason)
{
    /// <summary>The disk.</summary>
    public DiskContext Context { get; internal init; } = Context;

    /// <summary>The method.</summary>
    public SnapshotMethod Method { get; internal init; } = Method;

    /// <summary>The <c>&lt;diskSnapshot&gt;</c> element.</summary>
    public DiskSnapshotMethod Settings { get; internal init; } = Settings;

    /// <summary>What the method's probe found.</summary>
    public MethodFit Fit { get; internal init; } = Fit;

    /// <summary>Why it is this method, as the end of a sentence.</summary>
    public string Reason { get; internal init; } = Reason;

    /// <summary>The disk.</summary>
    public VmDisk Disk => Context.Disk;

    /// <summary>The level of the storage stack that the method works at.</summary>
    public StorageLevel Level => Fit.Level ?? Method.Traits.Level;

    /// <summary>Whether the snapshot only takes the disk's writes while a slow snapshot of what lies under it is made, and is merged back then.</summary>
    public bool IsTemporary { get; internal init; }
}
