using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>The errors of snapshots of volumes.</summary>
internal static class VolumeFailure
{
    /// <summary>The atomic act failed.</summary>
    public static VirtSnapshotException NotTaken(VolumeSnapshot snapshot, string why)
    {
        var (kind, id) = why switch
        {
            _ when ToolError.IsNoSpace(why) => (FailureKind.QuotaExceeded, "NoSpace"),
            _ when ToolError.IsNoPermission(why) => (FailureKind.PermissionDenied, "AccessDenied"),
            _ => (FailureKind.InvalidResult, "SnapshotNotTaken"),
        };
        return new VirtSnapshotException(kind, id, snapshot.Name, $"The snapshot '{snapshot.Name}' of '{snapshot.Volume.Name}' could not be taken: {why}.");
    }

    /// <summary>The object with the snapshot's name is another one.</summary>
    public static VirtSnapshotException NotOurs(VolumeSnapshot snapshot, string problem) => new(
        FailureKind.InvalidOperation,
        "SnapshotNotOurs",
        snapshot.Name,
        $"'{snapshot.Name}' was not deleted, because it is not the recorded snapshot of '{snapshot.Volume.Name}': {problem}. "
        + "It may hold other data.");

    /// <summary>A process reads the snapshot.</summary>
    public static VirtSnapshotException InUse(VolumeSnapshot snapshot, FileUser user) => new(
        FailureKind.ResourceBusy,
        "SourceInUse",
        snapshot.Name,
        $"The snapshot '{snapshot.Name}' was not deleted, because it is in use by {user}. Wait until the backup has finished, then run Repair-DiskSnapshot.");

    /// <summary>The storage refused to delete it.</summary>
    public static VirtSnapshotException NotDeleted(VolumeSnapshot snapshot, string stderr)
    {
        var (kind, id) = ToolError.IsNoPermission(stderr)
            ? (FailureKind.PermissionDenied, "AccessDenied")
            : (FailureKind.InvalidResult, "SnapshotNotDeleted");
        return new VirtSnapshotException(
            kind,
            id,
            snapshot.Name,
            $"The snapshot '{snapshot.Name}' of '{snapshot.Volume.Name}' could not be deleted: {stderr}. Fix the cause, then run Repair-DiskSnapshot.");
    }

    /// <summary>The snapshot's folder is missing, so it is unknown whether the snapshot exists.</summary>
    public static VirtSnapshotException NotAccessible(VolumeSnapshot snapshot, string folder) => new(
        FailureKind.ObjectNotFound,
        "SourceMissing",
        snapshot.Name,
        $"It is unknown whether the snapshot '{snapshot.Name}' still exists, because '{folder}' is missing or has been replaced. "
        + "Mount its file system, then run Repair-DiskSnapshot.");

    /// <summary>The snapshot's name is taken.</summary>
    public static VirtSnapshotException NameTaken(VolumeRequest request, string name) => new(
        FailureKind.ResourceExists,
        "SnapshotExists",
        request.Disks[0],
        $"'{request.Volume.Name}' of domain '{request.Domain.Name}' cannot be snapshotted: the name '{name}' exists already. "
        + "Nothing was touched. Choose another -Name.");

    /// <summary>The method cannot snapshot the disk, for a reason that the storage stack does not show.</summary>
    public static VirtSnapshotException Unsuitable(VolumeRequest request, string reason) => new(
        FailureKind.InvalidOperation,
        "MethodUnsuitable",
        request.Disks[0],
        $"Method '{request.Method.Name}' cannot snapshot disk '{request.Disks[0].Target}' of domain '{request.Domain.Name}': {reason}. "
        + "Nothing was touched.");
}
