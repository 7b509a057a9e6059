namespace VirtSnapshot.Native;

/// <summary>The names of the shared libraries, as installed by the run-time packages.</summary>
internal static class Library
{
    public const string Libvirt = "libvirt.so.0";
    public const string LibvirtQemu = "libvirt-qemu.so.0";
}
