using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>Snapshots that were made with libvirt or QEMU itself, within images that are ours to delete or to replace.</summary>
internal static class InnerSnapshots
{
    /// <summary>Whether an image keeps some, or a snapshot of libvirt names it. What is in a raw one is the guest's, header and all.</summary>
    public static bool Need(MethodRequest request, string image, string format = "qcow2") =>
        (format == "qcow2" && request.Host.WhyNoShell is null && ImageChain.ReadHeader(request.Host, image) is { SnapshotCount: > 0 })
        || request.Native.SnapshotXmls().Any(xml => SafeXml.Parse(xml).Descendants().SelectMany(element => element.Attributes()).Any(attribute => attribute.Value == image));
}
