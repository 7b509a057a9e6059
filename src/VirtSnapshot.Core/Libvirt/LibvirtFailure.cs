using VirtSnapshot.Native;

namespace VirtSnapshot.Libvirt;

/// <summary>Converts libvirt errors to <see cref="VirtSnapshotException"/>: the one place that maps error codes to ids and categories.</summary>
internal static class LibvirtFailure
{
    /// <param name="error">libvirt's error.</param>
    /// <param name="target">The target object of the error.</param>
    /// <param name="doing">The operation that failed, as a gerund: "merging disk 'vda'".</param>
    /// <param name="advice">What the user can do, as a sentence.</param>
    public static VirtSnapshotException Explain(LibvirtException error, object? target, string doing, string advice)
    {
        var (kind, id) = error switch
        {
            { Code: LibvirtErrorCode.NoDomain } => (FailureKind.ObjectNotFound, "DomainNotFound"),
            { Code: LibvirtErrorCode.AccessDenied or LibvirtErrorCode.OperationDenied or LibvirtErrorCode.AuthenticationFailed } =>
                (FailureKind.PermissionDenied, "AccessDenied"),
            { ConnectionLost: true } => (FailureKind.ConnectionError, "LibvirtUnreachable"),
            { Code: LibvirtErrorCode.AgentUnresponsive or LibvirtErrorCode.AgentCommandTimeout or LibvirtErrorCode.AgentUnsynced } =>
                (FailureKind.ResourceUnavailable, "GuestAgentUnavailable"),
            { Code: LibvirtErrorCode.OperationTimeout } => (FailureKind.OperationTimeout, "LibvirtTimeout"),
            { Code: LibvirtErrorCode.BlockCopyActive } => (FailureKind.ResourceBusy, "BlockJobRunning"),
            { Code: LibvirtErrorCode.ResourceBusy } => (FailureKind.ResourceBusy, "LibvirtBusy"),
            _ when ToolError.IsNoPermission(error.Message) => (FailureKind.PermissionDenied, "AccessDenied"),
            { Code: LibvirtErrorCode.NoSupport or LibvirtErrorCode.OperationUnsupported or LibvirtErrorCode.ConfigurationUnsupported } =>
                (FailureKind.NotImplemented, "LibvirtUnsupported"),
            { Code: LibvirtErrorCode.OperationInvalid } => (FailureKind.InvalidOperation, "LibvirtRefused"),
            _ => (FailureKind.InvalidResult, "LibvirtFailed"),
        };
        return new VirtSnapshotException(kind, id, target, $"libvirt failed while {doing}: {error.Message.TrimEnd('.')}. {advice}", error);
    }
}
