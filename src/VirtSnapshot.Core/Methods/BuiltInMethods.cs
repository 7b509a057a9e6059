using VirtSnapshot.Methods.Btrfs;
using VirtSnapshot.Methods.LibvirtVolume;
using VirtSnapshot.Methods.Lvm;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Methods.QemuInternal;
using VirtSnapshot.Methods.Reflink;
using VirtSnapshot.Methods.Zfs;

namespace VirtSnapshot.Methods;

/// <summary>The methods of this module, the preferred one first.</summary>
internal static class BuiltInMethods
{
    public static MethodRegistry Create() => new(
    [
        new QemuMethod(),
        new LvmMethod(),
        new LvmThinMethod(),
        new BtrfsMethod(),
        new ZfsMethod(),
        new ReflinkMethod(),
        new QemuInternalMethod(),
        new LibvirtVolumeMethod(),
    ]);
}
