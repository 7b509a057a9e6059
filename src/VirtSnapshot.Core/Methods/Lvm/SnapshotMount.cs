using System.Text;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>
/// The mount of a snapshot of a file system, below a folder that only root can enter, because the directories above the original mount point may restrict
/// access. Every step can be repeated.
/// </summary>
internal sealed class SnapshotMount(IHost host, string name)
{
    private const string NotTaken = "SnapshotNotTaken";
    private const string Folder = "/run/virtsnapshot/mnt";

    // An existing link could lead elsewhere: only a directory owned by root is accepted.
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

    // Not "mountpoint": on an overflowed snapshot every read fails.
    private const string UnmountScript = """
        folder=/run/virtsnapshot/mnt/$1
        while grep -qF " $folder " /proc/self/mountinfo; do
            umount "$folder" || exit
        done
        [ ! -e "$folder" ] || rmdir "$folder"
        """;

    public string Path => $"{Folder}/{name}";

    public void Make() => Require(Run(MakeScript), NotTaken);

    /// <param name="device">The snapshot.</param>
    /// <param name="fileSystem">Its type.</param>
    public void Mount(string device, SnapshotFileSystem fileSystem) => Require(Run(MountScript, fileSystem.Type, fileSystem.MountOptions, device), NotTaken);

    /// <exception cref="VirtSnapshotException"><c>SourceInUse</c>; it is still mounted.</exception>
    public void Remove()
    {
        var result = Run(UnmountScript);
        if (ToolError.IsBusy(result.Errors))
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceInUse",
                Path,
                $"The snapshot mounted at '{Path}' on host '{host.Name}' cannot be unmounted, because it is in use: {result.ToolError} "
                + $"Wait until its users have ended ('fuser -vm {Path}' lists them), then try again.");
        }

        Require(result, "SnapshotNotDeleted");
    }

    /// <summary>The folder of its file system that is mounted at a mount point; null where nothing is mounted there.</summary>
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
                $"A snapshot could not be {(errorId == NotTaken ? "mounted at" : "unmounted from")} '{Path}' on host '{host.Name}': {result.ToolError}. "
                + "Fix the cause, then run Repair-DiskSnapshot if Get-DiskSnapshot reports it.");
        }
    }
}
