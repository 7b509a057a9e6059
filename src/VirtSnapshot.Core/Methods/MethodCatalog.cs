using VirtSnapshot.Methods.Btrfs;
using VirtSnapshot.Methods.LibvirtVolume;
using VirtSnapshot.Methods.Lvm;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Methods.QemuInternal;
using VirtSnapshot.Methods.Reflink;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Methods.Zfs;

namespace VirtSnapshot.Methods;

/// <summary>The methods that this module brings.</summary>
internal static class MethodCatalog
{
    /// <summary>The method that can hold a disk still without changing what lies under it: see <see cref="Snapshots.SetActs"/>.</summary>
    public static SnapshotMethod Shield { get; } = new QemuMethod();

    /// <summary>The methods, the one to be preferred first. Tests put their own beside them.</summary>
    public static MethodRegistry Selector { get; set; } = new(
    [
        Shield,
        new VolumeMethod(new LvmDriver()),
        new VolumeMethod(new LvmThinDriver()),
        new VolumeMethod(new BtrfsDriver()),
        new VolumeMethod(new ZfsDriver()),
        new VolumeMethod(new ReflinkDriver()),
        new QemuInternalMethod(),
        new LibvirtVolumeMethod(),
    ]);
}
