using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>What a provider is going to do for one disk.</summary>
public sealed record PlannedSnapshot(VmDisk Disk, SnapshotRecord Record, IReadOnlyList<string> Files, string? WhyNotQuiesced = null)
{
    /// <summary>The disk.</summary>
    public VmDisk Disk { get; internal init; } = Disk;

    /// <summary>What will be recorded: the backup source, and the method's own data.</summary>
    public SnapshotRecord Record { get; internal init; } = Record;

    /// <summary>What it will make, for people.</summary>
    public IReadOnlyList<string> Files { get; internal init; } = Files;

    /// <summary>Why what it copies may lack what the guest has flushed, so that no freeze makes it <c>Quiesced</c>; null where it does not.</summary>
    public string? WhyNotQuiesced { get; internal init; } = WhyNotQuiesced;
}
