using System.Text;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>
/// Where a snapshot of a file system is mounted: below a folder that only root can enter, for what lies above a mount point may have kept others
/// from its files. Everything may be repeated.
/// </summary>
internal sealed class SnapshotMount(IHost host, string name)
{
    private const string NotSeen = "SnapshotNotTaken";
    private const string Folder = "/run/virtsnapshot/mnt";

    // A link that somebody has put there would lead elsewhere, so what is there must be a directory, and root's.
    private const string MakeScript = """
        set -eu
        umask 077
        for folder in /run/virtsnapshot /run/virtsnapshot/mnt "/run/virtsnapshot/mnt/$1"; do
            mkdir "$folder" 2>/dev/null || :
            [ "$(stat -c %F:%u "$folder")" = directory:0 ] || { echo "'$folder' is not a directory of root's" >&2; exit 1; }
        done
        chmod 700 /run/virtsnapshot/mnt
        """;

    private const string MountScript = """
        set -eu
        folder=/run/virtsnapshot/mnt/$1
        if ! grep -qF " $folder " /proc/self/mountinfo; then
            mount -t "$2" -o "$3" "$4" "$folder"
        fi
        """;

    // Not "mountpoint": of an overflowed snapshot nothing can be read any more.
    private const string UnmountScript = """
        folder=/run/virtsnapshot/mnt/$1
        while grep -qF " $folder " /proc/self/mountinfo; do
            umount "$folder" || exit
        done
        [ ! -e "$folder" ] || rmdir "$folder"
        """;

    public string Path => $"{Folder}/{name}";

    public void Make() => Require(Run(MakeScript), NotSeen);

    /// <param name="device">The snapshot.</param>
    /// <param name="fileSystem">Its type.</param>
    public void Mount(string device, SnapshotFileSystem fileSystem) => Require(Run(MountScript, fileSystem.Type, fileSystem.MountOptions, device), NotSeen);

    /// <exception cref="VirtSnapshotException"><c>SourceInUse</c>; it stays mounted then.</exception>
    public void Remove()
    {
        var result = Run(UnmountScript);
        if (ToolError.IsBusy(result.Errors))
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceInUse",
                Path,
                $"The snapshot mounted at '{Path}' on host '{host.Name}' cannot be unmounted while somebody uses it: {result.ToolError} It stays. Let that end ('fuser -vm {Path}' tells who it is), and try again.");
        }

        Require(result, "SnapshotNotDeleted");
    }

    /// <summary>Which folder of its file system a mount point shows; null where nothing is mounted there.</summary>
    public string? FindRoot(string mountPoint)
    {
        const int longest = 4 << 20;
        var mounts = MountTable.Parse(Encoding.UTF8.GetString(host.ReadHead("/proc/self/mountinfo", longest)));
        return mounts.Find(mountPoint) is { } mount && mount.Point == mountPoint ? mount.Root : null;
    }

    public bool Exists() => host.RunAsRoot("test", ["-e", Path]).Succeeded;

    private ProgramResult Run(string script, params string[] arguments) => host.RunAsRoot("sh", ["-c", script, "sh", name, .. arguments]);

    private void Require(ProgramResult result, string errorId)
    {
        if (!result.Succeeded)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidResult,
                errorId,
                Path,
                $"On host '{host.Name}' a snapshot could not be {(errorId == NotSeen ? "mounted at" : "unmounted from")} '{Path}': {result.ToolError}. Mend that, and run Repair-DiskSnapshot if Get-DiskSnapshot asks for it.");
        }
    }
}
