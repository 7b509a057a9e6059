namespace VirtSnapshot.Snapshots;

/// <summary>What a journaled run does.</summary>
internal enum RunOperation
{
    /// <summary>Takes a set of snapshots.</summary>
    Snapshot,

    /// <summary>Removes snapshots.</summary>
    Removal,
}
