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
    /// <param name="canShareBlocks">Whether that is to be tried first.</param>
    /// <param name="beforeFullCopy">Called where they cannot be shared; null where a copy that was to share them must not be made in full then.</param>
    /// <exception cref="LibvirtException">libvirt has left nothing behind.</exception>
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
                // The slow way, then.
            }
        }

        beforeFullCopy?.Invoke();
        connection.CopyVolume(pool, xml, source, reflink: false);
    }

    /// <param name="error">What libvirt says.</param>
    /// <param name="target">The object it is about.</param>
    /// <param name="what">What could not be made, as the subject of a sentence.</param>
    /// <param name="errorId">The id where there is no better one.</param>
    public static VirtSnapshotException Explain(LibvirtException error, object? target, string what, string errorId)
    {
        var (kind, id, advice) = error.Message switch
        {
            var said when ToolError.IsNotCloned(said) => (
                FailureKind.InvalidOperation, "MethodUnsuitable", " A volume that cannot share its blocks with a copy can only be copied while the domain is shut off."),
            var said when ToolError.IsNoSpace(said) => (FailureKind.QuotaExceeded, "NoSpace", ""),
            var said when ToolError.IsImageLocked(said) => (FailureKind.ResourceBusy, "SourceInUse", ""),
            _ => (FailureKind.InvalidResult, errorId, ""),
        };
        return error.ConnectionLost && id == errorId
            ? LibvirtFailure.Explain(error, target, $"making {what}", "")
            : new VirtSnapshotException(kind, id, target, $"{char.ToUpperInvariant(what[0])}{what[1..]} could not be made: {error.Message.TrimEnd('.')}.{advice}", error);
    }
}
