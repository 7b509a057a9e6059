using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>An overlay that no disk of its domain uses any more: the disk was detached, merged by hand, or moved to another image.</summary>
internal static class UnusedOverlay
{
    /// <summary>
    /// The state of an overlay that a removal of its snapshot can neither merge nor delete, as the end of a sentence; null where its disk uses it or could be
    /// reattached to it, or where the state is unknown.
    /// </summary>
    public static string? Describe(MethodRequest request, SnapshotRecord record)
    {
        var (host, path) = (request.Host, OverlayData.PathOf(record));
        var disk = request.Domain.FindDisk(record.Target);
        var chain = disk is null ? [] : ImageChain.Of(host, request.Domain, disk);
        var overlay = DiskSource.ForPath(path, "qcow2", isBlockDevice: false);
        if (chain.Any(layer => layer.Path == path) || FindUser(request, record) is not null)
        {
            return null;
        }

        if (disk is null)
        {
            return request.FindDisk(record.Target) is null
                ? $"the domain has no disk '{record.Target}' any more{Remains(host, path)}"
                : null;
        }

        if (!IsReadable(host, chain))
        {
            return null;
        }

        var isSettled = host.Stat(path) is null ? IsGone(host, path, chain) : !HoldsDataFor(chain);
        return isSettled
            ? $"disk '{disk.Target}' uses {string.Join(" -> ", chain.Select(layer => $"'{layer}'"))}, but not its overlay any more{Remains(host, path)}"
            : null;

        // As after 'virsh define' of an old XML: the disk's newest data.
        bool HoldsDataFor(IReadOnlyList<DiskSource> layers) => ImageChain.ReadHeader(host, path, withTable: true) is { HoldsData: true }
            && ImageChain.FromImages(host, overlay).Skip(1).Any(below => layers.Any(layer => IsSame(request, layer, below)));
    }

    /// <summary>
    /// The disk that uses the overlay of a snapshot in the running or stored definition, also if it is not the snapshot's disk; null where none does.
    /// </summary>
    public static VmDisk? FindUser(MethodRequest request, SnapshotRecord record)
    {
        var overlay = DiskSource.ForPath(OverlayData.PathOf(record), "qcow2", isBlockDevice: false);
        return request.Domain.PlainDisks.FirstOrDefault(disk => Uses(ImageChain.Of(request.Host, request.Domain, disk)))
            ?? (request.Domain is { IsActive: true, IsPersistent: true }
                ? DomainReader.ReadStored(request.Native, request.Domain).PlainDisks.FirstOrDefault(disk => Uses(ImageChain.OfStored(request.Host, disk)))
                : null);

        bool Uses(IReadOnlyList<DiskSource> layers) => layers.Any(layer => IsSame(request, layer, overlay));
    }

    /// <summary>
    /// Whether an overlay is deleted for certain. Where its folder or one of the disk's images is missing too, or the folder is empty as an unused mount point
    /// is, it may only be inaccessible.
    /// </summary>
    /// <param name="host">Where it is.</param>
    /// <param name="overlay">Its path.</param>
    /// <param name="chain">The disk's layers.</param>
    public static bool IsGone(IHost host, string overlay, IReadOnlyList<DiskSource> chain) =>
        host.Stat(overlay) is null && Path.GetDirectoryName(overlay)! is var folder && IsAccessible(host, folder) && AreAccessible(host, chain)
        && (chain.Any(layer => Path.GetDirectoryName(layer.Path) == folder) || host.ListFiles(folder).Count > 0);

    /// <summary>Whether a path exists and is accessible.</summary>
    public static bool IsAccessible(IHost host, string path) => ImageChain.TryStat(host, path) is not null;

    private static bool IsSame(MethodRequest request, DiskSource one, DiskSource other) =>
        one.IsSameAs(other) || (one.Path is { } image && other.Path is { } same && request.IsSameFile(image, same));

    private static bool AreAccessible(IHost host, IReadOnlyList<DiskSource> chain) =>
        chain.All(layer => layer.Path is not { } image || IsAccessible(host, image));

    /// <summary>The chain of a shut-off domain is read from its images, and ends too early at an unreadable one.</summary>
    private static bool IsReadable(IHost host, IReadOnlyList<DiskSource> chain) =>
        AreAccessible(host, chain) && (chain[^1] is not { Path: { } last, Format: "qcow2" } || ImageChain.ReadHeader(host, last) is not null);

    private static string Remains(IHost host, string overlay) => IsAccessible(host, overlay) ? $". The file '{overlay}' is kept" : "";
}
