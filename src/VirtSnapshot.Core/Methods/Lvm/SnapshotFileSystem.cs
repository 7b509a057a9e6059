namespace VirtSnapshot.Methods.Lvm;

/// <summary>A type of file system whose snapshot can be mounted beside the original.</summary>
/// <param name="Type">The type for <c>mount</c>.</param>
/// <param name="MountOptions">Read-only and untrusted.</param>
/// <param name="NeedsOwnIdentity">Whether the snapshot needs another fsid before it can be mounted beside the original.</param>
/// <param name="NeedsSync">Whether it must be synced, because suspending the volume does not freeze it.</param>
internal sealed record SnapshotFileSystem(string Type, string MountOptions, bool NeedsOwnIdentity = false, bool NeedsSync = false)
{
    private const string Untrusted = "ro,nosuid,nodev,noexec";

    private static readonly SnapshotFileSystem[] All =
    [
        new("ext3", Untrusted + ",noload"),
        new("ext4", Untrusted + ",noload"),
        new("xfs", Untrusted + ",norecovery,nouuid"),

        // The top-level subvolume, not the default one.
        new("btrfs", Untrusted + ",rescue=nologreplay,subvolid=5", NeedsOwnIdentity: true, NeedsSync: true),
    ];

    public static string Names => string.Join(", ", All.Select(known => known.Type));

    public static SnapshotFileSystem? Find(string type) => Array.Find(All, known => known.Type == type);
}
