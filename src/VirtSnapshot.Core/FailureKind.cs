namespace VirtSnapshot;

/// <summary>The kind of a failure, with the names of PowerShell's error categories.</summary>
public enum FailureKind
{
    /// <summary>No other kind applies.</summary>
    NotSpecified,

    /// <summary>The named object does not exist.</summary>
    ObjectNotFound,

    /// <summary>The input is invalid.</summary>
    InvalidArgument,

    /// <summary>Data that was read is invalid.</summary>
    InvalidData,

    /// <summary>The object's state does not allow it.</summary>
    InvalidOperation,

    /// <summary>The result of an operation is not as required.</summary>
    InvalidResult,

    /// <summary>An object of that name exists already.</summary>
    ResourceExists,

    /// <summary>It is in use.</summary>
    ResourceBusy,

    /// <summary>A required resource is missing, such as an agent or a program.</summary>
    ResourceUnavailable,

    /// <summary>No reply in time.</summary>
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
