namespace VirtSnapshot.Snapshots;

/// <summary>What a journaled run does.</summary>
internal enum RunOperation
{
    /// <summary>Takes a set of snapshots.</summary>
    Snapshot,

    /// <summary>Removes snapshots.</summary>
    Removal,

    /// <summary>Brings disks back to what a set holds; until the last of them is, it can be undone.</summary>
    Restore,

    /// <summary>All disks of a restore are back; the catalog follows, and what stood there before is deleted.</summary>
    RestoreEnding,
}
