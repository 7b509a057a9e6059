namespace VirtSnapshot.Snapshots;

/// <summary>How removing one snapshot went.</summary>
public sealed record RemovalResult(DiskSnapshot Snapshot, VirtSnapshotException? Error)
{
    /// <summary>The snapshot.</summary>
    public DiskSnapshot Snapshot { get; } = Snapshot;

    /// <summary>Why it is still there; null when it is gone.</summary>
    public VirtSnapshotException? Error { get; internal init; } = Error;
}
