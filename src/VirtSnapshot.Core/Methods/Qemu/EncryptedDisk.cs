using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>Encrypted disks with a snapshot of this method: earlier versions made unencrypted overlays on such disks.</summary>
internal static class EncryptedDisk
{
    /// <exception cref="VirtSnapshotException"><c>DiskEncrypted</c>.</exception>
    public static void RefuseRestore(MethodRequest request, VmDisk disk, SnapshotRecord record)
    {
        if (IsEncrypted(request, disk, record))
        {
            throw Refusal(
                disk,
                $"Disk '{disk.Target}' of domain '{disk.Domain}' cannot be restored: it is encrypted, "
                + $"and a new overlay on '{record.Source}' would hold the guest's writes unencrypted.",
                $"Copy '{record.Source}' to another file, which stays encrypted, and assign that file to the disk with 'virsh edit'.");
        }
    }

    /// <summary>A running QEMU has the secret and can merge into the encrypted image; qemu-img does not have it.</summary>
    /// <exception cref="VirtSnapshotException"><c>DiskEncrypted</c>.</exception>
    public static void RefuseOfflineMerge(MethodRequest request, VmDisk disk, SnapshotRecord record)
    {
        if (!request.Domain.IsActive && IsEncrypted(request, disk, record))
        {
            throw Refusal(
                disk,
                $"The snapshot of disk '{disk.Target}' of domain '{disk.Domain}' cannot be merged while the domain is shut off: "
                + $"'{record.Source}' is encrypted, and only a running QEMU has the secret.",
                "Start the domain, and remove the snapshot while it runs. If it does not start, its definition has lost the secret: "
                + $"with 'virsh edit {disk.Domain}' give the disk a <backingStore> for that image, with its <encryption> in the <source>.");
        }
    }

    private static bool IsEncrypted(MethodRequest request, VmDisk disk, SnapshotRecord record) =>
        disk.IsEncrypted || record.Source.IsEncrypted || ImageChain.IsEncrypted(request.Host, record.Source);

    private static VirtSnapshotException Refusal(VmDisk disk, string problem, string advice) =>
        new(FailureKind.InvalidOperation, "DiskEncrypted", disk, $"{problem} Nothing was touched. {advice}");
}
