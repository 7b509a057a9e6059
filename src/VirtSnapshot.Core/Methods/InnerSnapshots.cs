using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>Snapshots that were made with libvirt or QEMU itself, within images that are ours to delete or to replace.</summary>
internal static class InnerSnapshots
{
    /// <summary>Whether an image keeps some, or a snapshot of libvirt names it.</summary>
    public static bool Need(RecordOrder order, string image) =>
        (order.Host.WhyNoShell is null && ImageChain.ReadHeader(order.Host, image) is { SnapshotCount: > 0 })
        || order.Native.SnapshotXmls().Any(xml => SafeXml.Parse(xml).Descendants().SelectMany(element => element.Attributes()).Any(attribute => attribute.Value == image));
}
