namespace VirtSnapshot.Native;

/// <summary>The shared libraries, by the names that their run-time packages install.</summary>
internal static class Library
{
    public const string Libvirt = "libvirt.so.0";
    public const string LibvirtQemu = "libvirt-qemu.so.0";
}
