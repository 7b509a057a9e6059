using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>Options of a disk's <c>&lt;driver&gt;</c> that have other effects while an overlay takes the guest's writes.</summary>
internal static class DriverOptions
{
    // Tested: 9.0 loses it, 11.3 keeps it. For versions in between the message says "may".
    private static readonly Version KnownToKeepDetectZeroes = new(11, 3);

    /// <summary>
    /// <c>copy_on_read</c> is a filter above the disk's top image, which copies read data from lower layers into it. <c>detect_zeroes</c> is an option of one
    /// image, which older libvirt does not give to an overlay.
    /// </summary>
    /// <param name="request">The domain.</param>
    /// <param name="disk">A disk that gets a permanent overlay.</param>
    /// <param name="warn">Reports the effects, once per disk.</param>
    public static void Check(MethodRequest request, VmDisk disk, Action<string> warn)
    {
        var driver = SafeXml.Parse(disk.Xml).Element("driver");
        var effects = new List<string>();
        if ((string?)driver?.Attribute("copy_on_read") == "on")
        {
            effects.Add("with copy_on_read='on' all that the guest reads is copied into the overlay, which can become as large as the disk even if the "
                + "guest writes nothing");
        }

        if ((string?)driver?.Attribute("detect_zeroes") is "on" or "unmap"
            && request.Native.Connection.LibraryVersion is var libvirt && libvirt < KnownToKeepDetectZeroes)
        {
            effects.Add($"libvirt {libvirt} may not set detect_zeroes on an overlay; then zeros that the guest writes take space until the snapshot is "
                + "removed");
        }

        if (effects.Count > 0)
        {
            warn($"Disk '{disk.Target}' of domain '{request.Domain.Name}' gets an overlay: {string.Join("; and ", effects)}. Remove the snapshot soon, or "
                + "take it with a method that does not change the disk.");
        }
    }
}
