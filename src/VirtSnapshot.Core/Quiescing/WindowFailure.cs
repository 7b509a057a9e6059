using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Quiescing;

/// <summary>
/// Converts all exceptions that occur while a guest is frozen or paused, of methods, pipes or libraries, to errors with a specific error id.
/// </summary>
internal static class WindowFailure
{
    /// <summary>The error without the outcome of the run, which the caller adds.</summary>
    public static VirtSnapshotException Explain(Exception error, VmDomain domain) => error switch
    {
        VirtSnapshotException known => known,
        LibvirtException libvirt => LibvirtFailure.Explain(libvirt, domain, $"taking the snapshot of domain '{domain.Name}'", ""),
        AggregateException { InnerException: { } inner } => Explain(inner, domain),
        _ => new VirtSnapshotException(
            FailureKind.InvalidResult,
            "SnapshotFailed",
            domain,
            $"The snapshot of domain '{domain.Name}' could not be taken: {error.Message.TrimEnd('.')}.",
            error),
    };
}
