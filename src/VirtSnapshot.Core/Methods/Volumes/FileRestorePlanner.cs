using System.Globalization;
using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>Plans the restore of an image. Refuses it where the disk uses another image now, or where others use the image. Changes nothing.</summary>
internal static class FileRestorePlanner
{
    public static FileRestoration Plan(RestoreRequest request, VolumeMethod method, ImageUse use, SnapshotRecord record)
    {
        var disk = request.Domain.FindDisk(record.Target)!;
        var restoration = new FileRestoration(request, new RestoreRecord(request.Group, record, record, []));
        LiveSource.RefuseOther(request, disk, restoration.Image, VolumeSnapshot.Read(record).Name);
        LiveSource.RefuseUsers(request, use, disk, restoration.Image);
        RefuseChangedBase(request, record, disk);
        if (method.WhyNoSpaceFor(request.Host, VolumeSnapshot.Read(record), Allocated(request, record)) is { } why)
        {
            throw new VirtSnapshotException(
                FailureKind.QuotaExceeded,
                "NoSpace",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: {why}. Nothing was touched.");
        }

        if (new[] { restoration.Copy, restoration.Kept, restoration.Written }.FirstOrDefault(path => request.Host.Stat(path) is not null) is { } taken)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceExists,
                "OverlayExists",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: the file '{taken}' exists already. "
                + "Nothing was touched. It may hold data of the guest: move it to another folder.");
        }

        return restoration;
    }

    /// <summary>Bytes allocated to the image in the snapshot; its size where that is unknown.</summary>
    private static ulong Allocated(RestoreRequest request, SnapshotRecord record)
    {
        const ulong sector = 512;
        var result = request.Host.RunAsRoot("stat", ["--format=%b", "--", record.Source.Path!]);
        return result.Succeeded && ulong.TryParse(result.Output, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var sectors)
            ? sectors * sector
            : request.Host.Stat(record.Source.Path!)?.Size ?? 0;
    }

    /// <summary>Only the disk's own image is restored. Its backing images may have other users, and must be unchanged.</summary>
    private static void RefuseChangedBase(RestoreRequest request, SnapshotRecord record, VmDisk disk)
    {
        var snapshot = VolumeSnapshot.Read(record);
        foreach (var backing in ImageChain.FromImages(request.Host, record.Source).Skip(1).Select(layer => layer.Path!))
        {
            if (FileRestoration.OriginalOf(snapshot, backing) is not { } original || !FileRestoration.IsSameContent(request.Host, backing, original))
            {
                throw new VirtSnapshotException(
                    FailureKind.InvalidOperation,
                    "BackingImageChanged",
                    disk,
                    $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: its backing image has changed since '{backing}' was taken. "
                    + "Nothing was touched. Restore that image first, or copy the backup source with its backing chain to another place.");
            }
        }
    }
}
