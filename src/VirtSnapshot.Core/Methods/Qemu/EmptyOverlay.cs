using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>An overlay that was made and never switched to.</summary>
internal static class EmptyOverlay
{
    /// <summary>
    /// Why it must not be deleted; null where nothing needs it. libvirt's word is not enough: if the daemon died within the switch, QEMU may
    /// write to an overlay that libvirt does not know of. The file tells: it is open, or it holds data.
    /// </summary>
    public static string? WhyNeeded(MethodRequest request, ImageUse use, SnapshotRecord record)
    {
        var path = OverlayData.PathOf(record);
        if (OverlayProof.WhyKept(request, use, record, [path]) is { } why)
        {
            return why;
        }

        if (request.Host.ReadOpenFiles().FindUsers(path) is [{ } user, ..])
        {
            return $"{user} has it open. If that is this domain's QEMU, libvirt does not know that the guest writes there: do not stop the guest before its disks are copied";
        }

        return ImageChain.ReadHeader(request.Host, path, withTable: true) switch
        {
            // We died while it was being written: nothing was ever switched to it.
            _ when request.Host.Stat(path) is { Size: < Qcow2Image.SmallestSize } => null,
            null => "it is not the overlay that was to be made",
            { HoldsData: true } => "it holds data that the guest may have written after libvirt died within the switch. Look into it before the domain is started or goes on",
            _ => null,
        };
    }
}
