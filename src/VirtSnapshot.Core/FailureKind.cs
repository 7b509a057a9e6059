namespace VirtSnapshot;

/// <summary>What sort of failure it is; the names are those of PowerShell's error categories.</summary>
public enum FailureKind
{
    /// <summary>Nothing better fits.</summary>
    NotSpecified,

    /// <summary>A named thing does not exist.</summary>
    ObjectNotFound,

    /// <summary>The caller's input is wrong.</summary>
    InvalidArgument,

    /// <summary>Data that was read does not make sense.</summary>
    InvalidData,

    /// <summary>The object's state does not allow it.</summary>
    InvalidOperation,

    /// <summary>What was done did not come out as it must.</summary>
    InvalidResult,

    /// <summary>Something with that name is there already.</summary>
    ResourceExists,

    /// <summary>Somebody else is using it.</summary>
    ResourceBusy,

    /// <summary>Something that is needed is not there: an agent, a program.</summary>
    ResourceUnavailable,

    /// <summary>No answer in time.</summary>
    OperationTimeout,

    /// <summary>Stopped by the caller.</summary>
    OperationStopped,

    /// <summary>Not allowed.</summary>
    PermissionDenied,

    /// <summary>No space left.</summary>
    QuotaExceeded,

    /// <summary>libvirt cannot be reached.</summary>
    ConnectionError,

    /// <summary>Not possible with this version.</summary>
    NotImplemented,
}
