namespace VirtSnapshot;

/// <summary>The steps between which a process can die.</summary>
internal enum RunStep
{
    /// <summary>The journal names what is about to be made.</summary>
    Journaled,

    /// <summary>Files and whatever else the act needs are there.</summary>
    Prepared,

    /// <summary>The guest is frozen, or needs no freeze.</summary>
    Frozen,

    /// <summary>The act is done, the guest not yet thawed.</summary>
    Taken,

    /// <summary>The guest is thawed.</summary>
    Thawed,

    /// <summary>What was taken within the window is proven to exist.</summary>
    Completed,

    /// <summary>What waited behind the temporary overlays is taken, too; the domain still uses them.</summary>
    ShieldedTaken,

    /// <summary>The catalog has the set; the journal still names the run.</summary>
    Recorded,

    /// <summary>The journal names what is about to be removed.</summary>
    RemovalJournaled,

    /// <summary>Data is being poured.</summary>
    MergeStarted,

    /// <summary>All data is poured; the overlay is still in use.</summary>
    MergeReady,

    /// <summary>The overlay is out of the chain.</summary>
    Pivoted,

    /// <summary>The catalog no longer names the overlay.</summary>
    CatalogRewritten,

    /// <summary>The overlay is deleted; the journal still names the removal.</summary>
    Discarded,

    /// <summary>The journal names what is about to be restored.</summary>
    RestoreJournaled,

    /// <summary>What will take the disks' place is there.</summary>
    RestorePrepared,

    /// <summary>What will take the place of UEFI variables or TPM state is there.</summary>
    StateCopied,

    /// <summary>It has taken it.</summary>
    StateSwitched,

    /// <summary>One disk holds the restored content.</summary>
    DiskSwitched,

    /// <summary>All disks do.</summary>
    DisksSwitched,

    /// <summary>The journal says so, too.</summary>
    AllSwitched,
}
