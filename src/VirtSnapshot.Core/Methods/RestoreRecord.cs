namespace VirtSnapshot.Methods;

/// <summary>What restoring one disk does to its records. The journal keeps it, so that a restore that died is found again.</summary>
/// <param name="Group">The set that it is restored from: what is made on the way may be named after it.</param>
/// <param name="Record">The snapshot that the disk goes back to.</param>
/// <param name="Becomes">What is recorded of that snapshot afterwards; null where restoring uses it up.</param>
/// <param name="Lost">The disk's newer snapshots that cannot outlive it, the newest first.</param>
internal sealed record RestoreRecord(Guid Group, SnapshotRecord Record, SnapshotRecord? Becomes, IReadOnlyList<SnapshotRecord> Lost);
