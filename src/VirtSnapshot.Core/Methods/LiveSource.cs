using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>The image that a disk uses now, which a restore would replace.</summary>
internal static class LiveSource
{
    /// <summary>Refuses a restore if the disk uses another image. If the image does not exist, only its name is compared.</summary>
    public static void RefuseOther(MethodRequest request, VmDisk disk, string image, string snapshot)
    {
        if (disk.Source.Path == image
            || (disk.Source.Path is { } used
                && request.Host.Stat(used, followLink: true) is { } facts
                && request.Host.Stat(image, followLink: true)?.IsSameFileAs(facts) == true))
        {
            return;
        }

        throw new VirtSnapshotException(
            FailureKind.InvalidOperation,
            "SourceDiffers",
            disk,
            $"Disk '{disk.Target}' of domain '{request.Domain.Name}' uses '{disk.Source}', but the snapshot '{snapshot}' is of '{image}'. Nothing was "
            + "touched. If the disk uses an overlay of a newer snapshot, remove that snapshot first; otherwise copy the backup source by hand.");
    }

    /// <summary>Repeats both checks with the current state of the domain.</summary>
    public static void Recheck(MethodRequest request, string target, string image, string snapshot)
    {
        var now = request with { Domain = DomainReader.Read(request.Native) };
        var disk = now.Domain.FindDisk(target) ?? throw new VirtSnapshotException(
            FailureKind.ObjectNotFound,
            "DiskNotFound",
            now.Domain,
            $"Domain '{now.Domain.Name}' no longer has a disk '{target}', so it cannot be restored.");
        RefuseOther(now, disk, image, snapshot);
        RefuseUsers(now, ImageUse.Read(now), disk, image);
    }

    /// <summary>Refuses a restore if another disk, image or process uses the image.</summary>
    public static void RefuseUsers(MethodRequest request, ImageUse use, VmDisk disk, string image)
    {
        var own = ImageChain.Of(request.Host, request.Domain, disk).Where(layer => layer.HasPath).Select(layer => layer.Path!).ToList();
        if (use.FindForeignUser(image, disk.Target, own) is { } user)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceShared",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: its image '{image}' would change, and {user}. Nothing was "
                + "touched.");
        }

        if (request.Host.ReadOpenFiles().FindUsers(image) is [{ } reader, ..])
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceInUse",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored while its image '{image}' is open in {reader}. Nothing was "
                + "touched. Wait until that process has ended, and try again.");
        }
    }
}
