using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>What a storage tool's complaint means for the user.</summary>
internal static class VolumeFailure
{
    /// <summary>The atomic act failed.</summary>
    public static VirtSnapshotException NotTaken(VolumeSnapshot snapshot, string complaint)
    {
        var (kind, id) = complaint switch
        {
            _ when ToolError.IsNoSpace(complaint) => (FailureKind.QuotaExceeded, "NoSpace"),
            _ when ToolError.IsNoPermission(complaint) => (FailureKind.PermissionDenied, "AccessDenied"),
            _ => (FailureKind.InvalidResult, "SnapshotNotTaken"),
        };
        return new VirtSnapshotException(kind, id, snapshot.Name, $"The snapshot '{snapshot.Name}' of '{snapshot.Volume.Name}' could not be taken: {complaint}.");
    }

    /// <summary>What stands under the snapshot's name is something else.</summary>
    public static VirtSnapshotException NotOurs(VolumeSnapshot snapshot, string problem) => new(
        FailureKind.InvalidOperation,
        "SnapshotNotOurs",
        snapshot.Name,
        $"'{snapshot.Name}' is not deleted, since it is not the snapshot of '{snapshot.Volume.Name}' that was taken: {problem}. "
        + "It may hold somebody else's data.");

    /// <summary>It has to stay for now.</summary>
    public static VirtSnapshotException InUse(VolumeSnapshot snapshot, FileUser user) => new(
        FailureKind.ResourceBusy,
        "SourceInUse",
        snapshot.Name,
        $"The snapshot '{snapshot.Name}' is not deleted while somebody reads in it: {user}. Let the backup finish, and run Repair-DiskSnapshot.");

    /// <summary>The storage refused to delete it.</summary>
    public static VirtSnapshotException NotDeleted(VolumeSnapshot snapshot, string complaint)
    {
        var (kind, id) = ToolError.IsNoPermission(complaint)
            ? (FailureKind.PermissionDenied, "AccessDenied")
            : (FailureKind.InvalidResult, "SnapshotNotDeleted");
        return new VirtSnapshotException(
            kind, id, snapshot.Name, $"The snapshot '{snapshot.Name}' of '{snapshot.Volume.Name}' could not be deleted: {complaint}. Mend that, and run Repair-DiskSnapshot.");
    }

    /// <summary>Where it was taken there is nothing to look into, so nobody knows whether it is still there.</summary>
    public static VirtSnapshotException OutOfSight(VolumeSnapshot snapshot, string folder) => new(
        FailureKind.ObjectNotFound,
        "SourceMissing",
        snapshot.Name,
        $"Whether the snapshot '{snapshot.Name}' is still there cannot be told, since '{folder}' is not there, or not what it was: is its file system mounted? Mount it, and run Repair-DiskSnapshot.");

    /// <summary>Something has the name that the snapshot was to get.</summary>
    public static VirtSnapshotException NameTaken(VolumeRequest request, string name) => new(
        FailureKind.ResourceExists,
        "SnapshotExists",
        request.Disks[0],
        $"A snapshot of '{request.Volume.Name}' for domain '{request.Domain.Name}' would be named '{name}', and something stands there already. "
        + "Nothing was touched. Choose another -Name.");

    /// <summary>A closer look shows that the method cannot snapshot the disk.</summary>
    public static VirtSnapshotException Unsuitable(VolumeRequest request, string reason) => new(
        FailureKind.InvalidOperation,
        "MethodUnsuitable",
        request.Disks[0],
        $"Method '{request.Method.Name}' cannot snapshot disk '{request.Disks[0].Target}' of domain '{request.Domain.Name}': {reason}. Nothing was touched.");
}
