using System.Security;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Domains;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.UnitTests.Storage;

/// <summary>
/// Stacks that this machine may not be able to have, from an answer of the script that was recorded on a host with them: LVM (linear, striped, mirrored,
/// thin, thick
/// and thin snapshots), on a crypt device on a volume, on an array of loop devices; ZFS; Debian 12. A NUL is written as '|'.
/// </summary>
public class StorageFindingsTests
{
    internal static readonly string Recorded = File
        .ReadAllText(Path.Combine(LabScript.Repository, "tests/VirtSnapshot.UnitTests/Storage/Recorded/lvm-crypt-array-zfs.txt"))
        .TrimEnd('\n')
        .Replace('|', '\0');

    internal static readonly string[] Paths =
    [
        "/dev/vg/thin1", "/dev/vg/thin1-snap", "/dev/vg/thick", "/dev/mapper/vg-thick_snap", "/dev/vg2/mirror", "/dev/zvol/tank/my+vol", "/dev/zd0p1",
            "/dev/zd0", "/dev/dm-14",
        "/dev/vdb", "/srv/a b/disk.raw", "/srv/zp/disk.raw", "/srv/ext4/disk.raw", "/srv/xfs/disk.raw", "/srv/xfsbind/disk.raw",
            "/srv/btrfs/vms/inner/disk.raw",
        "/srv/zfs/disk.raw", "/srv/zfs/da ta/disk.raw",
    ];

    [Theory]
    [InlineData("/dev/vdb", "disk /dev/vdb (16,384 MiB)")]
    [InlineData("/dev/vg/thin1", "lvm /dev/vg/thin1 (thin, 1,024 MiB, pool vg/pool 2.4 % full, its metadata 11 %)\n  disk /dev/vdb")]
    [InlineData("/dev/vg/thin1-snap", "lvm /dev/vg/thin1-snap (thin, 1,024 MiB, pool vg/pool 2.4 % full, its metadata 11 %)\n  disk /dev/vdb")]
    [InlineData("/dev/vg/thick", "lvm /dev/vg/thick (linear, 64 MiB, 5,788 MiB free in vg)\n  disk /dev/vdb")]
    [InlineData("/dev/mapper/vg-thick_snap", "lvm /dev/vg/thick_snap (snapshot, 16 MiB, 5,788 MiB free in vg)\n  disk /dev/vdb")]
    [InlineData("/dev/vg2/mirror",
        "lvm /dev/vg2/mirror (raid1, 32 MiB, 240 MiB free in vg2)\n  raid1 /dev/md127 (127 MiB)\n    loop /dev/loop0\n    loop /dev/loop1\n  crypt /dev/mapper/crypt-one (256 MiB)\n    lvm /dev/vg/lv4\n      disk /dev/vdb")]
    [InlineData("/dev/dm-14", "crypt /dev/mapper/crypt-one (256 MiB)\n  lvm /dev/vg/lv4\n    disk /dev/vdb")]
    [InlineData("/dev/zvol/tank/my+vol", "zvol /dev/zvol/tank/my+vol (dataset tank/my vol, 512 MiB)")]
    [InlineData("/dev/zd0", "zvol /dev/zvol/tank/vm1 (dataset tank/vm1, 512 MiB)")]
    [InlineData("/dev/zd0p1", "part /dev/zd0p1\n  zvol /dev/zvol/tank/vm1")]
    [InlineData("/srv/a b/disk.raw",
        "ext4 /srv/a b\n  lvm /dev/vg2/str-iped (striped, 64 MiB, 240 MiB free in vg2)\n    raid1 /dev/md127\n      loop /dev/loop0\n      loop /dev/loop1\n    crypt /dev/mapper/crypt-one\n      lvm /dev/vg/lv4\n        disk /dev/vdb")]
    [InlineData("/srv/zp/disk.raw", "ext4 /srv/zp\n  part /dev/zd0p1\n    zvol /dev/zvol/tank/vm1")]
    [InlineData("/srv/ext4/disk.raw", "ext4 /srv/ext4\n  lvm /dev/vg/ext4 (linear, 2,048 MiB, 5,788 MiB free in vg)\n    disk /dev/vdb")]
    [InlineData("/srv/xfs/disk.raw", "xfs /srv/xfs (clones blocks)\n  lvm /dev/vg/xfs\n    disk /dev/vdb")]
    [InlineData("/srv/xfsbind/disk.raw", "xfs /srv/xfsbind (clones blocks)\n  lvm /dev/vg/xfs\n    disk /dev/vdb")]
    [InlineData("/srv/btrfs/vms/inner/disk.raw", "btrfs /srv/btrfs (subvolume /srv/btrfs/vms/inner, clones blocks)\n  lvm /dev/vg/btrfs\n    disk /dev/vdb")]
    [InlineData("/srv/zfs/disk.raw", "zfs /srv/zfs (dataset tank/vms)")]
    [InlineData("/srv/zfs/da ta/disk.raw", "zfs /srv/zfs/da ta (dataset tank/vms/da ta)")]
    public void A_recorded_stack(string path, string expected)
    {
        var stack = Build(Recorded, path);
        Assert.Equal($"raw {path}", $"{stack.Layers[0]}");
        var shown = stack.Layers.Zip(stack.Depths).Skip(1).Select(layer => new string(' ', (layer.Second - 1) * 2) + layer.First).ToList();
        var wanted = expected.Split('\n');
        Assert.Equal(wanted.Length, shown.Count);
        Assert.All(shown.Zip(wanted), layer =>
            Assert.True(layer.First == layer.Second || layer.First.StartsWith(layer.Second + " (", StringComparison.Ordinal),
            $"{layer.First}, not {layer.Second}"));
    }

    [Fact]
    public void What_a_driver_needs_of_a_volume_is_there()
    {
        Assert.Equal(
            new LogicalVolumeLayer("vg", "thin1", "mDlO1Y-SMYr-f1qQ-S3F7-pQyj-rRwK-NIpkdp", "/dev/vg/thin1", 1 << 30, "pool", 2.44, 11.04, 6069157888,
                4 << 20, "thin"),
            Build(Recorded, "/dev/vg/thin1").Find<LogicalVolumeLayer>());
        Assert.Equal(new ZvolLayer("tank/my vol", "/dev/zvol/tank/my+vol", 512 << 20), Build(Recorded, "/dev/zvol/tank/my+vol").Find<DeviceLayer>());
        Assert.Equal(
            new FileSystemLayer("zfs", "/srv/zfs/da ta", "tank/vms/da ta", "/srv/zfs/da ta/disk.raw", null, false, false),
            Build(Recorded, "/srv/zfs/da ta/disk.raw").Find<FileSystemLayer>());
    }

    [Fact]
    public void A_tree_with_branches() => Assert.Equal(
        """
        raw /dev/vg2/mirror
        └─ lvm /dev/vg2/mirror (raid1, 32 MiB, 240 MiB free in vg2)
           ├─ raid1 /dev/md127 (127 MiB)
           │  ├─ loop /dev/loop0 (128 MiB)
           │  └─ loop /dev/loop1 (128 MiB)
           └─ crypt /dev/mapper/crypt-one (256 MiB)
              └─ lvm /dev/vg/lv4 (linear, 256 MiB, 5,788 MiB free in vg)
                 └─ disk /dev/vdb (16,384 MiB)
        """,
        Build(Recorded, "/dev/vg2/mirror").Tree);

    [Fact]
    public void Without_the_tools_of_LVM_a_volume_is_what_lsblk_says()
    {
        var start = Recorded.IndexOf("volumes\0", StringComparison.Ordinal);
        var end = Recorded.IndexOf("heads\0", StringComparison.Ordinal);
        var stack = Build(Recorded[..start] + Recorded[end..], "/srv/xfs/disk.raw");
        Assert.Equal(["xfs /srv/xfs (clones blocks)", "lvm /dev/mapper/vg-xfs (2,048 MiB)", "disk /dev/vdb (16,384 MiB)"], stack.Layers.Skip(1)
            .Select(layer => $"{layer}"));
        Assert.Null(stack.Find<LogicalVolumeLayer>());
    }

    [Fact]
    public void An_older_lsblk_prints_numbers_as_text()
    {
        var old = System.Text.RegularExpressions.Regex.Replace(Recorded, "\"size\": ([0-9]+)", "\"size\": \"$1\"");
        Assert.NotEqual(Recorded, old);
        Assert.Equal(Build(Recorded, "/srv/a b/disk.raw").Tree, Build(old, "/srv/a b/disk.raw").Tree);
    }

    [Theory]
    [InlineData("end\0\0", "")]
    [InlineData("/dev/dm-7\0", "")]
    [InlineData("\"blockdevices\": [", "\"blockdevices\": {")]
    [InlineData("\"report\": [", "\"report\": [[],")]
    [InlineData("\"size\": 134217728", "\"size\": 1e999")]
    [InlineData("\"lv_size\":\"2147483648\"", "\"lv_size\":\"-1\"")]
    [InlineData("\"data_percent\":\"2.44\"", "\"data_percent\":\"NaN\"")]
    [InlineData("5 61b0 fd 7 ", "5 61b0 zz 7 ")]
    [InlineData("253:4 58 46", "253:4 58 4")]
    public void An_answer_that_is_not_as_it_must_be_is_refused(string part, string instead)
    {
        var position = Recorded.IndexOf(part, StringComparison.Ordinal);
        Assert.True(position >= 0);
        Assert.Throws<FormatException>(() => Build(Recorded[..position] + instead + Recorded[(position + part.Length)..], "/dev/vdb"));
    }

    [Fact]
    public void Devices_that_are_said_to_stand_on_themselves_end()
    {
        const string device = "\"type\": \"lvm\", \"size\": 1, \"maj:min\": ";
        var circle = $$"""{"blockdevices": [{"name": "a", "kname": "a", {{device}}"1:1", "children": [{"name": "b", "kname": "b", {{device}}"1:2", "children": [{"name": "a", "kname": "a", {{device}}"1:1"}]}]}]}""";
        var table = BlockDeviceTable.Parse(circle);
        Assert.Empty(table.FindByNumber("1:1")!.Below);
        Assert.Equal("a", Assert.Single(table.FindByNumber("1:2")!.Below).KernelName);
        Assert.Throws<FormatException>(() => BlockDeviceTable.Parse(string.Concat(Enumerable.Repeat("""{"blockdevices":[""", 100))));
    }

    private static StorageStack Build(string answer, string path)
    {
        var findings = new StorageFindings();
        findings.Add(answer, Paths, []);
        var (type, attribute) = path.StartsWith("/dev/", StringComparison.Ordinal) ? ("block", "dev") : ("file", "file");
        return new StackBuilder(findings).Build(TestDomain.Disk(
            $"<disk type='{type}'><driver type='raw'/><source {attribute}='{SecurityElement.Escape(path)}'/><target dev='vda'/></disk>"));
    }
}
