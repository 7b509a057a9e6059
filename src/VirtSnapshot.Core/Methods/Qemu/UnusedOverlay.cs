using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>An overlay that no disk of its domain uses any more: the disk was detached, merged by hand, or moved to another image.</summary>
internal static class UnusedOverlay
{
    /// <summary>
    /// What has become of an overlay that removing its snapshot can neither merge nor delete, as the end of a sentence; null where its disk uses it, might go
    /// on with it, or that cannot be told now.
    /// </summary>
    public static string? Describe(RecordOrder order, RecordedDisk record)
    {
        var (host, path) = (order.Host, OverlayData.PathOf(record));
        if (order.Domain.FindDisk(record.Target) is not { } disk)
        {
            return order.FindDisk(record.Target) is null
                ? $"the domain has no disk '{record.Target}' any more{Remains(host, path)}"
                : null;
        }

        var chain = ImageChain.Of(host, order.Domain, disk);
        var overlay = DiskSource.ForPath(path, "qcow2", isBlockDevice: false);
        if (chain.Any(layer => IsSame(layer, overlay)) || !IsReadable(host, chain))
        {
            return null;
        }

        var isSettled = host.Stat(path) is null ? IsGone(host, path, chain) : !HoldsDataFor(chain);
        return isSettled
            ? $"disk '{disk.Target}' uses {string.Join(" -> ", chain.Select(layer => $"'{layer}'"))}, and its overlay no more{Remains(host, path)}"
            : null;

        bool IsSame(DiskSource one, DiskSource other) =>
            one.IsSameAs(other) || (one.Path is { } image && other.Path is { } same && order.IsSameFile(image, same));

        // As after 'virsh define' of an old XML: the disk's newest data.
        bool HoldsDataFor(IReadOnlyList<DiskSource> layers) => ImageChain.ReadHeader(host, path, withTable: true) is { HoldsData: true }
            && ImageChain.FromImages(host, overlay).Skip(1).Any(below => layers.Any(layer => IsSame(layer, below)));
    }

    /// <summary>Whether an overlay is not there. Where its folder or one of the disk's images is not there either, it may only be out of sight.</summary>
    /// <param name="host">Where it is.</param>
    /// <param name="overlay">Its path.</param>
    /// <param name="chain">The disk's layers.</param>
    public static bool IsGone(IHost host, string overlay, IReadOnlyList<DiskSource> chain) =>
        host.Stat(overlay) is null && IsInSight(host, Path.GetDirectoryName(overlay)!) && AreInSight(host, chain);

    /// <summary>Whether something stands at a path.</summary>
    public static bool IsInSight(IHost host, string path)
    {
        try
        {
            return host.Stat(path, followLink: true) is not null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool AreInSight(IHost host, IReadOnlyList<DiskSource> chain) =>
        chain.All(layer => layer.Path is not { } image || IsInSight(host, image));

    /// <summary>The chain of a domain that is shut off is read from its images, and ends too early at one that cannot be read.</summary>
    private static bool IsReadable(IHost host, IReadOnlyList<DiskSource> chain) =>
        AreInSight(host, chain) && (chain[^1] is not { Path: { } last, Format: "qcow2" } || ImageChain.ReadHeader(host, last) is not null);

    private static string Remains(IHost host, string overlay) => IsInSight(host, overlay) ? $". The file '{overlay}' stays" : "";
}
