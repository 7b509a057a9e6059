using VirtSnapshot.Native;

namespace VirtSnapshot.Libvirt;

/// <summary>Turns libvirt's errors into ours: one place that decides on id and category.</summary>
internal static class LibvirtFailure
{
    /// <param name="error">What libvirt says.</param>
    /// <param name="target">The object it is about.</param>
    /// <param name="doing">What was being done, as a gerund: "merging disk 'vda'".</param>
    /// <param name="advice">What the user can do, a sentence.</param>
    public static VirtSnapshotException Explain(LibvirtException error, object? target, string doing, string advice)
    {
        var (kind, id) = error switch
        {
            { Code: LibvirtErrorCode.NoDomain } => (FailureKind.ObjectNotFound, "DomainNotFound"),
            { Code: LibvirtErrorCode.AccessDenied or LibvirtErrorCode.OperationDenied or LibvirtErrorCode.AuthenticationFailed } => (FailureKind.PermissionDenied, "AccessDenied"),
            { ConnectionLost: true } => (FailureKind.ConnectionError, "LibvirtUnreachable"),
            { Code: LibvirtErrorCode.AgentUnresponsive or LibvirtErrorCode.AgentCommandTimeout or LibvirtErrorCode.AgentUnsynced } =>
                (FailureKind.ResourceUnavailable, "GuestAgentUnavailable"),
            { Code: LibvirtErrorCode.OperationTimeout } => (FailureKind.OperationTimeout, "LibvirtTimeout"),
            { Code: LibvirtErrorCode.BlockCopyActive } => (FailureKind.ResourceBusy, "BlockJobRunning"),
            { Code: LibvirtErrorCode.ResourceBusy } => (FailureKind.ResourceBusy, "LibvirtBusy"),
            _ when ToolError.IsNoPermission(error.Message) => (FailureKind.PermissionDenied, "AccessDenied"),
            { Code: LibvirtErrorCode.NoSupport or LibvirtErrorCode.OperationUnsupported or LibvirtErrorCode.ConfigurationUnsupported } => (FailureKind.NotImplemented, "LibvirtUnsupported"),
            { Code: LibvirtErrorCode.OperationInvalid } => (FailureKind.InvalidOperation, "LibvirtRefused"),
            _ => (FailureKind.InvalidResult, "LibvirtFailed"),
        };
        return new VirtSnapshotException(kind, id, target, $"libvirt failed while {doing}: {error.Message.TrimEnd('.')}. {advice}", error);
    }
}
