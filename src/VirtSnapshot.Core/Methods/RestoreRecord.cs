namespace VirtSnapshot.Methods;

/// <summary>What restoring one disk does to its records. The journal keeps it, so that a restore that died is found again.</summary>
public sealed record RestoreRecord(Guid Group, SnapshotRecord Record, SnapshotRecord? Becomes, IReadOnlyList<SnapshotRecord> Lost)
{
    /// <summary>The set that it is restored from: what is made on the way may be named after it.</summary>
    public Guid Group { get; internal init; } = Group;

    /// <summary>The snapshot that the disk goes back to.</summary>
    public SnapshotRecord Record { get; internal init; } = Record;

    /// <summary>What is recorded of that snapshot afterwards; null where restoring uses it up.</summary>
    public SnapshotRecord? Becomes { get; internal init; } = Becomes;

    /// <summary>The disk's newer snapshots that cannot outlive it, the newest first.</summary>
    public IReadOnlyList<SnapshotRecord> Lost { get; internal init; } = Lost;
}
