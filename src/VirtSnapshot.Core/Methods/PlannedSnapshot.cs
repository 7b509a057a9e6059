using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>What a provider is going to do for one disk.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Record">What will be recorded: the backup source, and the method's own data.</param>
/// <param name="Files">What it will make, for people.</param>
/// <param name="WhyNotQuiesced">Why what it copies may lack what the guest has flushed, so that no freeze makes it <c>Quiesced</c>; null where it does not.</param>
internal sealed record PlannedSnapshot(VmDisk Disk, SnapshotRecord Record, IReadOnlyList<string> Files, string? WhyNotQuiesced = null);
