namespace VirtSnapshot.Methods.Lvm;

/// <summary>A file system that can be mounted beside the one that it is a snapshot of.</summary>
/// <param name="Type">As <c>mount</c> names it.</param>
/// <param name="MountOptions">So that nothing is written, and nothing in it is trusted.</param>
/// <param name="NeedsOwnIdentity">Whether the kernel tells file systems apart by an identity written in them, so that the snapshot needs another one first.</param>
/// <param name="NeedsSync">Whether LVM does not stop it by itself at a point where all is written.</param>
internal sealed record SnapshotFileSystem(string Type, string MountOptions, bool NeedsOwnIdentity = false, bool NeedsSync = false)
{
    private const string Untrusted = "ro,nosuid,nodev,noexec";

    private static readonly SnapshotFileSystem[] All =
    [
        new("ext3", Untrusted + ",noload"),
        new("ext4", Untrusted + ",noload"),
        new("xfs", Untrusted + ",norecovery,nouuid"),

        // The whole of it, whichever subvolume is its default.
        new("btrfs", Untrusted + ",rescue=nologreplay,subvolid=5", NeedsOwnIdentity: true, NeedsSync: true),
    ];

    public static string Names => string.Join(", ", All.Select(known => known.Type));

    public static SnapshotFileSystem? Find(string type) => Array.Find(All, known => known.Type == type);
}
