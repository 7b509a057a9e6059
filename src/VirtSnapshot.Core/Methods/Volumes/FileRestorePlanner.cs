using System.Globalization;
using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>Refuses what would bring back something else than the disk that was snapshotted, or harm others. Touches nothing.</summary>
internal static class FileRestorePlanner
{
    public static FileRestoration Plan(RestoreOrder order, IVolumeDriver driver, ImageUse use, RecordedDisk record)
    {
        var disk = order.Domain.FindDisk(record.Target)!;
        var restoration = new FileRestoration(order, new RestoredDisk(order.Group, record, record, []));
        LiveSource.RefuseOther(order, disk, restoration.Image, VolumeSnapshot.Read(record).Name);
        LiveSource.RefuseUsers(order, use, disk, restoration.Image);
        RefuseChangedBase(order, record, disk);
        if (driver.WhyNoRoomFor(order.Host, VolumeSnapshot.Read(record), Allocated(order, record)) is { } why)
        {
            throw new VirtSnapshotException(
                FailureKind.QuotaExceeded, "NoSpace", disk, $"Disk '{disk.Target}' of domain '{order.Domain.Name}' cannot be restored: {why}. Nothing was touched.");
        }

        if (new[] { restoration.Copy, restoration.Kept, restoration.Written }.FirstOrDefault(path => order.Host.Stat(path) is not null) is { } taken)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceExists,
                "OverlayExists",
                disk,
                $"Restoring disk '{disk.Target}' of domain '{order.Domain.Name}' would make '{taken}', and something stands there already. "
                + "Nothing was touched. It may hold what a guest has written: move it to another folder.");
        }

        return restoration;
    }

    /// <summary>Bytes that the image takes in the snapshot; its size, where that cannot be told.</summary>
    private static ulong Allocated(RestoreOrder order, RecordedDisk record)
    {
        const ulong sector = 512;
        var result = order.Host.RunAsRoot("stat", ["--format=%b", "--", record.Source.Path!]);
        return result.Succeeded && ulong.TryParse(result.Output, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var sectors)
            ? sectors * sector
            : order.Host.Stat(record.Source.Path!)?.Size ?? 0;
    }

    /// <summary>Only the disk's own image is brought back; what it stands on may be others' as well, and must be what it was.</summary>
    private static void RefuseChangedBase(RestoreOrder order, RecordedDisk record, VmDisk disk)
    {
        var snapshot = VolumeSnapshot.Read(record);
        foreach (var backing in ImageChain.FromImages(order.Host, record.Source).Skip(1).Select(layer => layer.Path!))
        {
            if (FileRestoration.OriginalOf(snapshot, backing) is not { } original || !FileRestoration.IsSameContent(order.Host, backing, original))
            {
                throw new VirtSnapshotException(
                    FailureKind.InvalidOperation,
                    "BackingImageChanged",
                    disk,
                    $"Disk '{disk.Target}' of domain '{order.Domain.Name}' cannot be restored: its image stands on another one, which is no longer what '{backing}' in the snapshot is. "
                    + "Nothing was touched. Bring that image back first, or copy the backup source with all that it stands on to another place.");
            }
        }
    }
}
