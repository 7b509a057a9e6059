namespace VirtSnapshot.Methods;

/// <summary>How far a run came that was killed while it took snapshots of one method.</summary>
public interface IRecovery
{
    /// <summary>The snapshots that were taken completely and need a record.</summary>
    IReadOnlyList<SnapshotRecord> Taken { get; }

    /// <summary>The objects of incomplete snapshots, as text for messages.</summary>
    IReadOnlyList<string> Incomplete { get; }

    /// <summary>Deletes these objects, each after proof that it is unused.</summary>
    /// <returns>What could not be deleted, and why.</returns>
    IReadOnlyList<string> CleanUp();
}
