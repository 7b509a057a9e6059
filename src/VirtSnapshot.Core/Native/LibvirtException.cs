namespace VirtSnapshot.Native;

/// <summary>A libvirt call failed. It carries libvirt's message and error code.</summary>
public sealed class LibvirtException(LibvirtErrorCode code, string message, bool isFromTransport = false) : Exception(message)
{
    /// <summary>libvirt's error code.</summary>
    public LibvirtErrorCode Code { get; } = code;

    /// <summary>Whether the connection to the daemon was lost or never made, so that the call's effect is unknown.</summary>
    public bool ConnectionLost => Code is LibvirtErrorCode.NoConnection or LibvirtErrorCode.InvalidConnection
        or LibvirtErrorCode.Rpc or LibvirtErrorCode.SystemError
        || (isFromTransport && Code == LibvirtErrorCode.InternalError);

    /// <summary>Whether a guest agent command has no reliable reply: the command may still be executed.</summary>
    public bool IsUnanswered => ConnectionLost
        || Code is LibvirtErrorCode.AgentUnresponsive or LibvirtErrorCode.AgentCommandTimeout
            or LibvirtErrorCode.OperationTimeout or LibvirtErrorCode.AgentUnsynced;
}

/// <summary>The codes of <c>virErrorNumber</c> that this module handles: https://libvirt.org/html/libvirt-virterror.html</summary>
public enum LibvirtErrorCode
{
    /// <summary>An error without a more specific code.</summary>
    InternalError = 1,

    /// <summary>The driver does not implement the call.</summary>
    NoSupport = 3,

    /// <summary>The hypervisor cannot be reached.</summary>
    NoConnection = 5,

    /// <summary>The connection is no longer valid.</summary>
    InvalidConnection = 6,

    /// <summary>An argument is invalid.</summary>
    InvalidArgument = 8,

    /// <summary>The hypervisor failed to execute the operation.</summary>
    OperationFailed = 9,

    /// <summary>The connection is read-only.</summary>
    OperationDenied = 29,

    /// <summary>A system call failed, for instance the connection's socket.</summary>
    SystemError = 38,

    /// <summary>An RPC protocol error.</summary>
    Rpc = 39,

    /// <summary>There is no such domain.</summary>
    NoDomain = 42,

    /// <summary>The daemon rejects the authentication.</summary>
    AuthenticationFailed = 45,

    /// <summary>There is no such storage pool, or it is not active.</summary>
    NoStoragePool = 49,

    /// <summary>There is no such volume.</summary>
    NoStorageVolume = 50,

    /// <summary>The domain's state does not allow it.</summary>
    OperationInvalid = 55,

    /// <summary>The configuration does not allow it.</summary>
    ConfigurationUnsupported = 67,

    /// <summary>A wait timed out, usually for another job on the domain.</summary>
    OperationTimeout = 68,

    /// <summary>There is no metadata with that URI.</summary>
    NoDomainMetadata = 80,

    /// <summary>A block job is running, or is not yet ready for the call.</summary>
    BlockCopyActive = 83,

    /// <summary>The operation is not supported for this domain.</summary>
    OperationUnsupported = 84,

    /// <summary>There is no guest agent, or it does not respond.</summary>
    AgentUnresponsive = 86,

    /// <summary>The resource is in use.</summary>
    ResourceBusy = 87,

    /// <summary>An access driver such as polkit denies the call.</summary>
    AccessDenied = 88,

    /// <summary>The agent's reply does not belong to the command.</summary>
    AgentUnsynced = 97,

    /// <summary>The agent did not reply to a command in time. Before libvirt 11.2 that is <see cref="AgentUnresponsive"/>.</summary>
    AgentCommandTimeout = 112,

    /// <summary>The agent rejected a command. Before libvirt 11.2 that is <see cref="InternalError"/>.</summary>
    AgentCommandFailed = 113,
}
