using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>Internal snapshots made with libvirt or QEMU, in images that the module deletes or replaces.</summary>
internal static class InnerSnapshots
{
    /// <summary>Whether an image contains some, or a snapshot of libvirt refers to it. The content of a raw image is guest data.</summary>
    public static bool Need(MethodRequest request, string image, string format = "qcow2") =>
        (format == "qcow2" && request.Host.WhyNoShell is null && ImageChain.ReadHeader(request.Host, image) is { SnapshotCount: > 0 })
        || request.Native.SnapshotXmls()
            .Any(xml => SafeXml.Parse(xml).Descendants().SelectMany(element => element.Attributes()).Any(attribute => attribute.Value == image));
}
