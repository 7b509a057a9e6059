namespace VirtSnapshot.Methods;

/// <summary>How a snapshot's record and reality agree.</summary>
public enum SnapshotState
{
    /// <summary>The backup source is there and immutable.</summary>
    Available,

    /// <summary>The backup source is gone.</summary>
    Missing,

    /// <summary>The backup source is there, but no longer holds what was taken: the domain, or another one, writes to it, say.</summary>
    Invalid,

    /// <summary>Its removal has begun and has not ended: the backup source may be half merged. Remove it again, or repair.</summary>
    Removing,

    /// <summary>A snapshot of another tool: an overlay that no record explains. Never touched. A linked clone is none.</summary>
    Unknown,

    /// <summary>Recorded, but it cannot be looked at: the hypervisor runs on a machine whose files cannot be seen from here, or its tools cannot be used.</summary>
    Unverified,

    /// <summary>
    /// The disk does not use what was written since, which is still there: as after <c>virsh define</c> of an old XML. Repair-DiskSnapshot puts it back, or
    /// keeps it aside.
    /// </summary>
    Detached,

    /// <summary>
    /// Its record does not fit this domain: it is a clone's copy of another domain's, was taken of another image, or names something that is not ours. Removing
    /// takes the record out of the metadata and deletes nothing else.
    /// </summary>
    Foreign,

    /// <summary>
    /// Its record cannot be read, or a later version of the module has written it. Removing takes a damaged record out of the metadata and deletes nothing else.
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
