using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>One disk that a run works on.</summary>
/// <param name="Group">The set.</param>
/// <param name="Name">The snapshot's name.</param>
/// <param name="Record">What is being made or removed.</param>
internal sealed record JournalEntry(Guid Group, SnapshotName Name, RecordedDisk Record);
