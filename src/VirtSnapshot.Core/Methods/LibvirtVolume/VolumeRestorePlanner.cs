using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>Decides on the new volume's name, and refuses what would lose more than was asked for. Touches nothing.</summary>
internal static class VolumeRestorePlanner
{
    public static VolumeRestoration Plan(RestoreRequest request, SnapshotRecord record)
    {
        var disk = request.Domain.FindDisk(record.Target)!;
        var copy = VolumeCopy.Read(record);
        if (PoolVolume.Find(request.Native, disk) is not { } replaced || replaced.Pool != copy.Pool || !(replaced.IsFile || replaced.IsLogical))
        {
            throw Refused(FailureKind.InvalidOperation, "SourceDiffers", $"it uses '{disk.Source}' now, which is no volume of the pool '{copy.Pool}' that the snapshot '{copy}' is in");
        }

        var snapshots = SnapshotsOf(request, replaced);
        if (replaced.IsLogical ? !snapshots.Exists(IsCopy) : VolumeReplacement.StemOf(replaced.Name) != VolumeReplacement.StemOf(copy.Origin))
        {
            throw Refused(FailureKind.InvalidOperation, "SourceDiffers", $"it uses the volume '{replaced.Pool}/{replaced.Name}' now, and the snapshot '{copy}' is of '{copy.Origin}'");
        }

        RefuseUsers(request, disk, replaced, snapshots);
        var name = VolumeReplacement.NameAfter(replaced.Name, request.Group);
        if (request.Native.Connection.HasVolume(replaced.Pool, name))
        {
            throw Refused(
                FailureKind.ResourceExists,
                "OverlayExists",
                $"its new volume would be '{replaced.Pool}/{name}', which is there already. It may hold what a guest has written: "
                + "copy it ('virsh vol-clone') before you delete it");
        }

        if (replaced.IsLogical && replaced.Capacity > replaced.PoolFree)
        {
            throw Refused(FailureKind.QuotaExceeded, "NoSpace", $"its new volume needs {replaced.Capacity >> 20} MiB, and {replaced.PoolFree >> 20} MiB are free in pool '{replaced.Pool}'");
        }

        var succession = new VolumeReplacement(
            replaced.Pool, name, Path.Combine(replaced.PoolPath, name), replaced.Name, replaced.Path, disk.Source.Type == DiskSourceType.Volume, replaced.IsLogical);
        return new VolumeRestoration(request, new RestoreRecord(
            request.Group,
            succession.AddTo(record),
            replaced.IsLogical ? null : record with { Image = succession.Path },
            [.. snapshots.Where(other => !IsCopy(other)).Reverse()]));

        bool IsCopy(SnapshotRecord other) => VolumeCopy.Read(other).Path == copy.Path;

        VirtSnapshotException Refused(FailureKind kind, string errorId, string why) => new(
            kind, errorId, disk, $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: {why}. Nothing was touched.");
    }

    /// <summary>Those of ours that go with the volume: LVM's, which are no copies.</summary>
    private static List<SnapshotRecord> SnapshotsOf(RestoreRequest request, PoolVolume replaced)
    {
        if (!replaced.IsLogical)
        {
            return [];
        }

        var names = VolumeUse.FindVolumes(request.Native.Connection, replaced.Path).Where(volume => volume.Pool == replaced.Pool).Select(volume => volume.Name).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. request.Recorded.Where(record => record.Method == LibvirtVolumeMethod.MethodName && VolumeCopy.Read(record) is var copy && copy.Pool == replaced.Pool && names.Contains(copy.Name)),
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
        var user = VolumeUse.FindDisk(connection, replaced.Path, other => other.DomainUuid == request.Domain.Uuid && other.Target == disk.Target) is { } other
            ? $"{other} stands on it"
            : VolumeUse.FindVolumes(connection, replaced.Path).FirstOrDefault(volume => !ours.Contains(volume.Path)) is { } volume
                ? $"volume '{volume.Pool}/{volume.Name}' stands on it"
                : request.Recorded.FirstOrDefault(record => record.Target == disk.Target && record.Method != LibvirtVolumeMethod.MethodName && Names(record, replaced)) is { } snapshot
                    ? $"a snapshot of method '{snapshot.Method}' needs it: remove that first"
                    : InnerSnapshots.Need(request, replaced.Path, disk.Format ?? "raw")
                        ? "a snapshot that was made with libvirt or QEMU itself needs it"
                        : null;
        if (user is not null)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceShared",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: its volume '{replaced.Pool}/{replaced.Name}' would be deleted, and {user}. Nothing was touched.");
        }
    }

    private static bool Names(SnapshotRecord record, PoolVolume volume) =>
        record.Source.Path == volume.Path || record.Data.DescendantsAndSelf().SelectMany(element => element.Attributes()).Any(attribute => attribute.Value == volume.Path);
}
