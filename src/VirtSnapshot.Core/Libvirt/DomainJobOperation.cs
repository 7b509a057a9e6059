namespace VirtSnapshot.Libvirt;

/// <summary><c>virDomainJobOperation</c>: the operation of the job that holds a domain's job lock.</summary>
internal enum DomainJobOperation
{
    /// <summary>Not reported.</summary>
    Unknown = 0,

    /// <summary>The domain is being started.</summary>
    Start = 1,

    /// <summary>Its memory is being saved.</summary>
    Save = 2,

    /// <summary>It is being started from saved memory.</summary>
    Restore = 3,

    /// <summary>It is being migrated to this host.</summary>
    MigrationIn = 4,

    /// <summary>It is being migrated to another host.</summary>
    MigrationOut = 5,

    /// <summary>libvirt takes a snapshot.</summary>
    Snapshot = 6,

    /// <summary>libvirt reverts it to a snapshot.</summary>
    SnapshotRevert = 7,

    /// <summary>A core dump.</summary>
    Dump = 8,

    /// <summary>A backup job; it lasts as long as its export.</summary>
    Backup = 9,

    /// <summary>libvirt deletes a snapshot.</summary>
    SnapshotDelete = 10,
}
