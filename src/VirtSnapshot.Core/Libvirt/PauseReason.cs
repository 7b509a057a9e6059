namespace VirtSnapshot.Libvirt;

/// <summary><c>virDomainPausedReason</c></summary>
public enum PauseReason
{
    /// <summary>Not reported; also if libvirtd was restarted while the domain was being paused.</summary>
    Unknown = 0,

    /// <summary>An API call, such as <c>virsh suspend</c>.</summary>
    User = 1,

    /// <summary>A migration.</summary>
    Migration = 2,

    /// <summary>A save.</summary>
    Save = 3,

    /// <summary>A dump.</summary>
    Dump = 4,

    /// <summary>A disk I/O error, for instance on a full file system. <c>virsh resume</c> resumes the domain when the cause is fixed.</summary>
    IOError = 5,

    /// <summary>The watchdog of the domain.</summary>
    Watchdog = 6,

    /// <summary>The domain was reverted to a snapshot of the paused domain.</summary>
    FromSnapshot = 7,

    /// <summary>The domain is shutting down.</summary>
    ShuttingDown = 8,

    /// <summary>A snapshot by libvirt.</summary>
    Snapshot = 9,

    /// <summary>The guest has crashed.</summary>
    Crashed = 10,

    /// <summary>The domain is being started.</summary>
    StartingUp = 11,

    /// <summary>The second phase of a post-copy migration.</summary>
    PostCopy = 12,

    /// <summary>A post-copy migration has failed.</summary>
    PostCopyFailed = 13,

    /// <summary>A libvirt call has failed, and the domain must not continue.</summary>
    ApiError = 14,
}
