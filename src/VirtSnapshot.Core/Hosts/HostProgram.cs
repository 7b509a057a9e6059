using System.ComponentModel;
using System.Diagnostics;

namespace VirtSnapshot.Hosts;

/// <summary>Starts programs on this machine, and maps programs to their Debian packages.</summary>
internal static class HostProgram
{
    /// <summary>Starts a program with redirected stdin, stdout and stderr, and <c>LC_ALL=C</c>.</summary>
    /// <exception cref="VirtSnapshotException"><c>ProgramMissing</c>.</exception>
    public static Process Start(string program, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["LC_ALL"] = "C";

        // The PATH of cron and of ordinary users lacks the folders of storage tools.
        start.Environment["PATH"] = $"{Environment.GetEnvironmentVariable("PATH")}:/usr/local/sbin:/usr/sbin:/sbin";
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw Missing(program, Environment.MachineName, e.Message, e);
        }
    }

    public static VirtSnapshotException Missing(string program, string host, string why, Exception? inner = null) => new(
        FailureKind.ResourceUnavailable,
        "ProgramMissing",
        program,
        $"The program '{program}' cannot be started on host '{host}': {why}. On Debian it is in the package '{PackageOf(program)}'.",
        inner);

    public static VirtSnapshotException SudoRefused(string host, string user, string sudoError) => new(
        FailureKind.PermissionDenied,
        "SudoRefused",
        host,
        $"Root permission is needed on host '{host}', but sudo fails for user '{user}': {sudoError.Trim().TrimEnd('.')}. "
        + $"Allow sudo without a password ('{user} ALL=(root) NOPASSWD: ALL' in /etc/sudoers.d), or connect as root.");

    /// <summary>The Debian package of a program; if unknown, the program's name.</summary>
    public static string PackageOf(string program) => program switch
    {
        "qemu-img" or "qemu-io" or "qemu-nbd" => "qemu-utils",
        "virsh" => "libvirt-clients",
        "nbdcopy" or "nbdinfo" => "libnbd-bin",
        "lvs" or "vgs" or "pvs" or "lvm" or "lvcreate" or "lvremove" or "lvchange" or "lvconvert" or "lvextend" or "lvrename" or "lvdisplay"
            or "vgchange" or "vgcfgbackup" => "lvm2",
        "thin_check" or "thin_dump" or "thin_ls" or "thin_delta" => "thin-provisioning-tools",
        "btrfs" or "btrfstune" or "mkfs.btrfs" => "btrfs-progs",
        "zfs" or "zpool" or "zdb" => "zfsutils-linux",
        "xfs_io" or "xfs_info" or "xfs_freeze" or "xfs_repair" or "mkfs.xfs" => "xfsprogs",
        "e2fsck" or "dumpe2fs" or "filefrag" or "lsattr" or "tune2fs" => "e2fsprogs",
        "rbd" or "rados" => "ceph-common",
        "multipath" => "multipath-tools",
        "findmnt" or "lsblk" or "blkid" or "blockdev" or "flock" or "fsfreeze" or "setsid" => "util-linux",
        "mount" or "umount" or "losetup" => "mount",
        "cat" or "chmod" or "chown" or "cp" or "dd" or "head" or "ln" or "mkdir" or "mv" or "od" or "realpath" or "rm" or "rmdir" or "stat"
            or "sync" or "test" or "timeout" or "touch" or "truncate" => "coreutils",
        "cmp" => "diffutils",
        "find" or "xargs" => "findutils",
        "udevadm" => "udev",
        "fuser" => "psmisc",
        "sh" => "dash",
        "ssh" => "openssh-client",
        _ => program,
    };
}
