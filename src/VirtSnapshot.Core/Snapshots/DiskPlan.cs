using VirtSnapshot.Domains;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Snapshots;

/// <summary>What a run would do to one disk.</summary>
public sealed record DiskPlan(
    VmDisk Disk, string Method, StorageLevel Level, string Reason, Consistency Consistency, IReadOnlyList<string> Files, bool IsShielded = false)
{
    /// <summary>The disk.</summary>
    public VmDisk Disk { get; } = Disk;

    /// <summary>The method.</summary>
    public string Method { get; } = Method;

    /// <summary>The level of the storage stack that it works at.</summary>
    public StorageLevel Level { get; } = Level;

    /// <summary>Why this method.</summary>
    public string Reason { get; } = Reason;

    /// <summary>What the snapshot will promise if all goes well.</summary>
    public Consistency Consistency { get; } = Consistency;

    /// <summary>The files that will be made, on the hypervisor's host.</summary>
    public IReadOnlyList<string> Files { get; } = Files;

    /// <summary>Whether a temporary overlay takes the guest's writes during the snapshot, so that the guest does not wait.</summary>
    public bool IsShielded { get; } = IsShielded;

    /// <inheritdoc/>
    public override string ToString() => $"{Disk}: {Method} at level {Level.ToString().ToLowerInvariant()} ({Reason}), {Consistency}, "
        + $"{string.Join(", ", Files)}{(IsShielded ? ", under a temporary overlay" : "")}";
}
