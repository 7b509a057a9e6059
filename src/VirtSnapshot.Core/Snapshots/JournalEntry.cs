using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>One disk that a run works on.</summary>
/// <param name="Group">The set.</param>
/// <param name="Name">The snapshot's name.</param>
/// <param name="Record">What is being made or removed.</param>
/// <param name="Instance">The domain's one run, from start to stop, in which its removal began; null where it did not run.</param>
/// <param name="WasRecorded">Whether the catalog had it when its removal began. A set that is undone never was in it.</param>
/// <param name="IsTemporaryOverlay">Whether it is an overlay of <see cref="SetActs"/>, which is never recorded and always merged back.</param>
/// <param name="Becomes">What is recorded of it when it is restored; null where that uses it up.</param>
/// <param name="IsLost">Whether it goes because an older snapshot of the disk is restored.</param>
internal sealed record JournalEntry(
    Guid Group,
    SnapshotName Name,
    SnapshotRecord Record,
    string? Instance = null,
    bool WasRecorded = false,
    bool IsTemporaryOverlay = false,
    SnapshotRecord? Becomes = null,
    bool IsLost = false)
{
    /// <summary>Whether both are about the same disk of the same set.</summary>
    public bool IsSameAs(JournalEntry other) => Group == other.Group && Record.IsSameAs(other.Record);
}
