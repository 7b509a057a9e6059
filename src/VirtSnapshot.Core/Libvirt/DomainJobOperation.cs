namespace VirtSnapshot.Libvirt;

/// <summary><c>virDomainJobOperation</c>: what the job does that holds a domain's job lock.</summary>
internal enum DomainJobOperation
{
    /// <summary>libvirt does not say.</summary>
    Unknown = 0,

    /// <summary>The domain is being started.</summary>
    Start = 1,

    /// <summary>Its memory is being saved.</summary>
    Save = 2,

    /// <summary>It is being started from saved memory.</summary>
    Restore = 3,

    /// <summary>It is coming from another host.</summary>
    MigrationIn = 4,

    /// <summary>It is going to another host.</summary>
    MigrationOut = 5,

    /// <summary>A snapshot is being taken by libvirt.</summary>
    Snapshot = 6,

    /// <summary>It is being reverted to a snapshot of libvirt's.</summary>
    SnapshotRevert = 7,

    /// <summary>A core dump.</summary>
    Dump = 8,

    /// <summary>A backup job, for as long as its export exists.</summary>
    Backup = 9,

    /// <summary>A snapshot of libvirt's is being deleted.</summary>
    SnapshotDelete = 10,
}
