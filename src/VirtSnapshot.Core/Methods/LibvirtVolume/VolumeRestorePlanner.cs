using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>Plans the replacement of a disk's volume. Refuses it where other snapshots or disks would lose data. Changes nothing.</summary>
internal static class VolumeRestorePlanner
{
    public static VolumeRestoration Plan(RestoreRequest request, SnapshotRecord record)
    {
        var disk = request.Domain.FindDisk(record.Target)!;
        var copy = VolumeCopy.Read(record);
        if (PoolVolume.Find(request.Native, disk) is not { } replaced || replaced.Pool != copy.Pool || !(replaced.IsFile || replaced.IsLogical))
        {
            throw Refused(
                FailureKind.InvalidOperation,
                "SourceDiffers",
                $"it uses '{disk.Source}' now, which is not a volume of the pool '{copy.Pool}' of the snapshot '{copy}'");
        }

        var snapshots = SnapshotsOf(request, replaced);
        if (replaced.IsLogical ? !snapshots.Exists(IsCopy) : VolumeReplacement.StemOf(replaced.Name) != VolumeReplacement.StemOf(copy.Origin))
        {
            throw Refused(
                FailureKind.InvalidOperation,
                "SourceDiffers",
                $"it uses the volume '{replaced.Pool}/{replaced.Name}' now, but '{copy}' is a snapshot of '{copy.Origin}'");
        }

        RefuseUsers(request, disk, replaced, snapshots);
        var name = VolumeReplacement.NameAfter(replaced.Name, request.Group);
        if (request.Native.Connection.HasVolume(replaced.Pool, name))
        {
            throw Refused(
                FailureKind.ResourceExists,
                "OverlayExists",
                $"the volume '{replaced.Pool}/{name}' exists already. It may hold data of the guest: copy it ('virsh vol-clone') before you delete it");
        }

        if (replaced.IsLogical && replaced.Capacity > replaced.PoolFree)
        {
            throw Refused(
                FailureKind.QuotaExceeded,
                "NoSpace",
                $"its new volume needs {replaced.Capacity >> 20} MiB, but pool '{replaced.Pool}' has {replaced.PoolFree >> 20} MiB free");
        }

        var replacement = new VolumeReplacement(
            replaced.Pool,
            name,
            Path.Combine(replaced.PoolPath, name),
            replaced.Name,
            replaced.Path,
            disk.Source.Type == DiskSourceType.Volume,
            replaced.IsLogical);
        return new VolumeRestoration(request, new RestoreRecord(
            request.Group,
            replacement.AddTo(record),
            replaced.IsLogical ? null : record with { Image = replacement.Path },
            [.. snapshots.Where(other => !IsCopy(other)).Reverse()]));

        bool IsCopy(SnapshotRecord other) => VolumeCopy.Read(other).Path == copy.Path;

        VirtSnapshotException Refused(FailureKind kind, string errorId, string why) => new(
            kind, errorId, disk, $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: {why}. Nothing was touched.");
    }

    /// <summary>Our snapshots that are deleted with the volume: LVM snapshots, which are not copies.</summary>
    private static List<SnapshotRecord> SnapshotsOf(RestoreRequest request, PoolVolume replaced)
    {
        if (!replaced.IsLogical)
        {
            return [];
        }

        var names = VolumeUse.FindVolumes(request.Native.Connection, replaced.Path)
            .Where(volume => volume.Pool == replaced.Pool)
            .Select(volume => volume.Name)
            .ToHashSet(StringComparer.Ordinal);
        return
        [
            .. request.Recorded.Where(record => record.Method == LibvirtVolumeMethod.MethodName
                && VolumeCopy.Read(record) is var copy && copy.Pool == replaced.Pool && names.Contains(copy.Name)),
        ];
    }

    private static void RefuseUsers(RestoreRequest request, VmDisk disk, PoolVolume replaced, List<SnapshotRecord> snapshots)
    {
        if (request.Host.WhyNoShell is null)
        {
            LiveSource.RefuseUsers(request, ImageUse.Read(request), disk, replaced.Path);
        }

        var ours = snapshots.Select(record => VolumeCopy.Read(record).Path).ToHashSet(StringComparer.Ordinal);
        var connection = request.Native.Connection;
        var user = FindUser();
        if (user is not null)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceShared",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: its volume '{replaced.Pool}/{replaced.Name}' would be deleted, "
                + $"and {user}. Nothing was touched.");
        }

        string? FindUser()
        {
            if (VolumeUse.FindDisk(connection, replaced.Path, other => other.DomainUuid == request.Domain.Uuid && other.Target == disk.Target) is { } other)
            {
                return $"{other} uses it";
            }

            if (VolumeUse.FindVolumes(connection, replaced.Path).FirstOrDefault(volume => !ours.Contains(volume.Path)) is { } volume)
            {
                return $"it is the backing volume of '{volume.Pool}/{volume.Name}'";
            }

            var others = request.Recorded.Where(record => record.Target == disk.Target && record.Method != LibvirtVolumeMethod.MethodName);
            if (others.FirstOrDefault(record => Names(record, replaced)) is { } snapshot)
            {
                return $"a snapshot of method '{snapshot.Method}' needs it: remove that first";
            }

            return InnerSnapshots.Need(request, replaced.Path, disk.Format ?? "raw") ? "a snapshot that was made with libvirt or QEMU itself needs it" : null;
        }
    }

    private static bool Names(SnapshotRecord record, PoolVolume volume) =>
        record.Source.Path == volume.Path
        || record.Data.DescendantsAndSelf().SelectMany(element => element.Attributes()).Any(attribute => attribute.Value == volume.Path);
}
