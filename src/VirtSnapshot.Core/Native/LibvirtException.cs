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
