using VirtSnapshot.Domains;
using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>What the tests of LVM share: volumes of the lab host.</summary>
public abstract class LvmTest(LabHost host) : HostStorageTest(host)
{
    protected string Thick(string size = "128M")
    {
        var device = Host.MakeStorage("thick", Host.NewName("thick"), size);
        Afterwards("lvremove", "-fy", device);
        return device;
    }

    protected string Thin(string size = "128M")
    {
        var device = Host.MakeStorage("thin", Host.NewName("thin"), size);
        Afterwards("lvremove", "-fy", device);
        return device;
    }

    /// <summary>A name for an image, which is gone when the test has ended.</summary>
    protected string Image(string folder, string name = "image")
    {
        var path = $"{folder}/{Host.NewName(name)}";
        Afterwards("rm", "-f", "--", path);
        return path;
    }

    /// <summary>A volume, or a file system's, in its group.</summary>
    protected static string VolumeOf(string device) => device["/dev/".Length..];

    protected override IReadOnlyList<string> Ours() =>
    [
        .. Host.Run(
            "sh",
            "-ec",
            "lvs --noheadings -o vg_name,lv_name @virtsnapshot; ls -A /run/virtsnapshot/mnt 2>/dev/null || :; grep /run/virtsnapshot /proc/self/mountinfo || :")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
    ];

    protected override void Mend() =>
        Host.TryRun("sh", "-c", "umount /run/virtsnapshot/mnt/*; rmdir /run/virtsnapshot/mnt/*; lvremove -fy @virtsnapshot");

    private protected static string Method(string content) => $"<diskSnapshot method='lvm'>{content}</diskSnapshot>";

    private protected static DiskSnapshotMethod Parsed(string method) => DiskSnapshotMethod.Parse(method);
}
