namespace VirtSnapshot.Native;

/// <summary>A libvirt call failed: what libvirt says, with the code that a caller branches on.</summary>
public sealed class LibvirtException(LibvirtErrorCode code, string message, bool isFromTransport = false) : Exception(message)
{
    /// <summary>libvirt's error code.</summary>
    public LibvirtErrorCode Code { get; } = code;

    /// <summary>Whether the daemon was lost or never reached, so that nothing is known about the call's effect.</summary>
    public bool ConnectionLost => Code is LibvirtErrorCode.NoConnection or LibvirtErrorCode.InvalidConnection
        or LibvirtErrorCode.Rpc or LibvirtErrorCode.SystemError
        || (isFromTransport && Code == LibvirtErrorCode.InternalError);

    /// <summary>Whether the guest agent was asked and gave no answer that can be relied on: what was asked may still happen.</summary>
    public bool IsUnanswered => ConnectionLost
        || Code is LibvirtErrorCode.AgentUnresponsive or LibvirtErrorCode.AgentCommandTimeout
            or LibvirtErrorCode.OperationTimeout or LibvirtErrorCode.AgentUnsynced;
}

/// <summary>The codes of <c>virErrorNumber</c> that somebody here branches on: https://libvirt.org/html/libvirt-virterror.html</summary>
public enum LibvirtErrorCode
{
    /// <summary>Whatever libvirt has no better name for.</summary>
    InternalError = 1,

    /// <summary>The driver does not implement the call.</summary>
    NoSupport = 3,

    /// <summary>The hypervisor cannot be reached.</summary>
    NoConnection = 5,

    /// <summary>The connection is no longer valid.</summary>
    InvalidConnection = 6,

    /// <summary>An argument does not fit.</summary>
    InvalidArgument = 8,

    /// <summary>The hypervisor was asked and failed.</summary>
    OperationFailed = 9,

    /// <summary>The connection is read-only.</summary>
    OperationDenied = 29,

    /// <summary>A system call failed, for instance the connection's socket.</summary>
    SystemError = 38,

    /// <summary>The wire protocol broke.</summary>
    Rpc = 39,

    /// <summary>There is no such domain.</summary>
    NoDomain = 42,

    /// <summary>The daemon does not let us in.</summary>
    AuthenticationFailed = 45,

    /// <summary>There is no such storage pool, or it does not run.</summary>
    NoStoragePool = 49,

    /// <summary>There is no such volume.</summary>
    NoStorageVolume = 50,

    /// <summary>The domain's state does not allow it.</summary>
    OperationInvalid = 55,

    /// <summary>The configuration does not allow it.</summary>
    ConfigurationUnsupported = 67,

    /// <summary>libvirt waited in vain, usually for another job on the domain.</summary>
    OperationTimeout = 68,

    /// <summary>No metadata under that URI.</summary>
    NoDomainMetadata = 80,

    /// <summary>A block job is running, or is not yet where the call needs it.</summary>
    BlockCopyActive = 83,

    /// <summary>The operation is not supported for this domain.</summary>
    OperationUnsupported = 84,

    /// <summary>No guest agent, or it does not answer.</summary>
    AgentUnresponsive = 86,

    /// <summary>Somebody else holds the resource.</summary>
    ResourceBusy = 87,

    /// <summary>An access driver such as polkit said no.</summary>
    AccessDenied = 88,

    /// <summary>The agent answered something else than what was asked.</summary>
    AgentUnsynced = 97,

    /// <summary>The agent did not answer a command in time. Before libvirt 11.2 that is <see cref="AgentUnresponsive"/>.</summary>
    AgentCommandTimeout = 112,

    /// <summary>The agent refused a command. Before libvirt 11.2 that is <see cref="InternalError"/>.</summary>
    AgentCommandFailed = 113,
}
