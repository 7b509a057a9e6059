namespace VirtSnapshot.Libvirt;

/// <summary><c>virDomainPausedReason</c></summary>
public enum PauseReason
{
    /// <summary>The hypervisor does not say; also where libvirtd was restarted while the domain was being paused.</summary>
    Unknown = 0,

    /// <summary>By a call, as of <c>virsh suspend</c>.</summary>
    User = 1,

    /// <summary>For a migration.</summary>
    Migration = 2,

    /// <summary>For a save.</summary>
    Save = 3,

    /// <summary>For a dump.</summary>
    Dump = 4,

    /// <summary>A disk could not be read or written, as on a full file system. It goes on with <c>virsh resume</c> when the cause is gone.</summary>
    IOError = 5,

    /// <summary>By its watchdog.</summary>
    Watchdog = 6,

    /// <summary>It was reverted to a snapshot that was taken of the paused domain.</summary>
    FromSnapshot = 7,

    /// <summary>It is shutting down.</summary>
    ShuttingDown = 8,

    /// <summary>For a snapshot of libvirt.</summary>
    Snapshot = 9,

    /// <summary>The guest has crashed.</summary>
    Crashed = 10,

    /// <summary>It is being started.</summary>
    StartingUp = 11,

    /// <summary>For the second part of a post-copy migration.</summary>
    PostCopy = 12,

    /// <summary>A post-copy migration has failed.</summary>
    PostCopyFailed = 13,

    /// <summary>A call of libvirt has failed so that the domain must not go on.</summary>
    ApiError = 14,
}
