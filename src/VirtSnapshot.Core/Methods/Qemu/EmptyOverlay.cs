using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>An overlay that was made but never used.</summary>
internal static class EmptyOverlay
{
    /// <summary>
    /// Why it must not be deleted; null where nothing needs it. libvirt's definition is not enough: if the daemon died during the switch, QEMU may
    /// write to an overlay that the definition does not name. The file itself shows that: it is open, or it holds data.
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
            return $"{user} has it open. If that is this domain's QEMU, the guest writes to it without libvirt's knowledge: "
                + "copy the guest's disks before you stop the guest";
        }

        return ImageChain.ReadHeader(request.Host, path, withTable: true) switch
        {
            // A crash while it was written: no disk was ever switched to it.
            _ when request.Host.Stat(path) is { Size: < Qcow2Image.SmallestSize } => null,
            null => "it is not the planned overlay",
            { HoldsData: true } => "it holds data that the guest may have written after libvirt died during the switch. "
                + "Check its content before you start or resume the domain",
            _ => null,
        };
    }
}
