using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>Copies a volume within its pool.</summary>
internal static class VolumeCopying
{
    /// <param name="connection">The connection.</param>
    /// <param name="pool">The pool of both.</param>
    /// <param name="xml">The copy.</param>
    /// <param name="source">The path of the volume to be copied.</param>
    /// <param name="canShareBlocks">Whether a copy with shared blocks is tried first.</param>
    /// <param name="beforeFullCopy">Called before a full copy; null where sharing blocks must not fall back to a full copy.</param>
    /// <exception cref="LibvirtException">The copy failed; libvirt has deleted it.</exception>
    public static void Copy(LibvirtConnection connection, string pool, string xml, string source, bool canShareBlocks, Action? beforeFullCopy)
    {
        if (canShareBlocks)
        {
            try
            {
                connection.CopyVolume(pool, xml, source, reflink: true);
                return;
            }
            catch (LibvirtException e) when (ToolError.IsNotCloned(e.Message) && beforeFullCopy is not null)
            {
                // The volume is copied in full below.
            }
        }

        beforeFullCopy?.Invoke();
        connection.CopyVolume(pool, xml, source, reflink: false);
    }

    /// <param name="error">libvirt's error.</param>
    /// <param name="target">The error's target object.</param>
    /// <param name="what">The volume that could not be made, as the subject of a sentence.</param>
    /// <param name="errorId">The id for errors without a more specific one.</param>
    public static VirtSnapshotException Explain(LibvirtException error, object? target, string what, string errorId)
    {
        var (kind, id, advice) = error.Message switch
        {
            var message when ToolError.IsNotCloned(message) => (
                FailureKind.InvalidOperation,
                "MethodUnsuitable",
                " A volume that cannot share its blocks with a copy can only be copied while the domain is shut off."),
            var message when ToolError.IsNoSpace(message) => (FailureKind.QuotaExceeded, "NoSpace", ""),
            var message when ToolError.IsImageLocked(message) => (FailureKind.ResourceBusy, "SourceInUse", ""),
            _ => (FailureKind.InvalidResult, errorId, ""),
        };
        return error.ConnectionLost && id == errorId
            ? LibvirtFailure.Explain(error, target, $"making {what}", "")
            : new VirtSnapshotException(
                kind, id, target, $"{char.ToUpperInvariant(what[0])}{what[1..]} could not be made: {error.Message.TrimEnd('.')}.{advice}", error);
    }
}
