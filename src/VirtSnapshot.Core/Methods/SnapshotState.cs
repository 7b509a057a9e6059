namespace VirtSnapshot.Methods;

/// <summary>The result of the comparison of a snapshot's record with the storage.</summary>
public enum SnapshotState
{
    /// <summary>The backup source exists and is immutable.</summary>
    Available,

    /// <summary>The backup source does not exist, is not mounted, or is not active.</summary>
    Missing,

    /// <summary>The content of the backup source has changed, for instance because a domain writes to it.</summary>
    Invalid,

    /// <summary>Its removal was started and is not complete: the backup source may be partly merged. Remove it again, or repair.</summary>
    Removing,

    /// <summary>An overlay without a record, for instance a snapshot of another tool. It is never touched. A linked clone is not a snapshot.</summary>
    Unknown,

    /// <summary>It cannot be checked now: the files of its host are not accessible, or a tool is missing.</summary>
    Unverified,

    /// <summary>
    /// The data written after the snapshot exists, but is not used by the disk, for instance after <c>virsh define</c> of an old XML. Repair-DiskSnapshot
    /// attaches it again, or keeps it in another file.
    /// </summary>
    Detached,

    /// <summary>
    /// Its record does not belong to this domain: it was copied from another domain, is of another image, or names an object that the module did not create
    /// for this domain. Removing it deletes only the record.
    /// </summary>
    Foreign,

    /// <summary>
    /// Its record cannot be read, or was written by a later version of the module. Removing a damaged one deletes only the record.
    /// </summary>
    Damaged,
}

/// <summary>What a method found of a snapshot.</summary>
public sealed record Inspection(SnapshotState State, double? UsagePercent = null, bool IsHidden = false)
{
    /// <summary>Whether its data can be read and is what was taken.</summary>
    public SnapshotState State { get; internal init; } = State;

    /// <summary>
    /// How much of the COW space that was set aside for an available snapshot is used, in percent; null where it has none of its own, and where that cannot
    /// be read.
    /// </summary>
    public double? UsagePercent { get; internal init; } = UsagePercent;

    /// <summary>
    /// Whether a snapshot that is missing where its record says exists all the same: not mounted, or not active, as after a restart of the host.
    /// </summary>
    public bool IsHidden { get; internal init; } = IsHidden;
}
