using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>What a disk uses now, and what restoring it would put something else in the place of.</summary>
internal static class LiveSource
{
    /// <summary>The image may be gone: then there is nothing but its name to compare.</summary>
    public static void RefuseOther(MethodRequest request, VmDisk disk, string image, string snapshot)
    {
        if (disk.Source.Path == image
            || (disk.Source.Path is { } used && request.Host.Stat(used, followLink: true) is { } facts && request.Host.Stat(image, followLink: true)?.IsSameFileAs(facts) == true))
        {
            return;
        }

        throw new VirtSnapshotException(
            FailureKind.InvalidOperation,
            "SourceDiffers",
            disk,
            $"Disk '{disk.Target}' of domain '{request.Domain.Name}' uses '{disk.Source}' now, and the snapshot '{snapshot}' is of '{image}'. Nothing was touched. "
            + "Where that is an overlay of a newer snapshot, remove that one first; else copy the backup source to where it is needed: "
            + "restoring would not bring back what the disk uses now.");
    }

    /// <summary>Both, with the domain as it is now.</summary>
    public static void Recheck(MethodRequest request, string target, string image, string snapshot)
    {
        var now = request with { Domain = DomainReader.Read(request.Native) };
        var disk = now.Domain.FindDisk(target) ?? throw new VirtSnapshotException(
            FailureKind.ObjectNotFound, "DiskNotFound", now.Domain, $"Domain '{now.Domain.Name}' has no disk '{target}' any more, so it cannot be restored.");
        RefuseOther(now, disk, image, snapshot);
        RefuseUsers(now, ImageUse.Read(now), disk, image);
    }

    public static void RefuseUsers(MethodRequest request, ImageUse use, VmDisk disk, string image)
    {
        var own = ImageChain.Of(request.Host, request.Domain, disk).Where(layer => layer.HasPath).Select(layer => layer.Path!).ToList();
        if (use.FindForeignUser(image, disk.Target, own) is { } user)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceShared",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: its image '{image}' would change, and {user}. Nothing was touched.");
        }

        if (request.Host.ReadOpenFiles().FindUsers(image) is [{ } reader, ..])
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceInUse",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored while somebody has its image '{image}' open: {reader}. Nothing was touched. Let that end, and try again.");
        }
    }
}
