namespace VirtSnapshot.Snapshots;

/// <summary>How removing one snapshot went.</summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="Error">Why it is still there; null when it is gone.</param>
public sealed record RemovalResult(DiskSnapshot Snapshot, VirtSnapshotException? Error);
