using System.Security;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Domains;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Storage;

/// <summary>Real images on real file systems and devices.</summary>
public sealed class StorageProbeTests(LabFixture lab) : IDisposable
{
    private readonly CountingHost host = new();
    private readonly Stack<IDisposable> used = new();
    private readonly string folder = Directory.CreateTempSubdirectory("vs-probe-").FullName;

    public static TheoryData<string> OddNames =>
        ["a b", "it's \"quoted\"", "back\\slash", "line\nbreak", "naïve-磁盘-🐧", "-rf", "$(touch x)`id`;&|*?[a]", "%s\\0 \\n", "{json}", "a,b=c:d"];

    public void Dispose()
    {
        foreach (var one in used)
        {
            one.Dispose();
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_file_on_ext4_and_the_devices_below()
    {
        var ext4 = Make("ext4", "mkfs.ext4", "-q");
        var image = Raw(ext4.Folder, "disk.raw");
        var stack = StackOf(image);
        Assert.Equal($"raw {image}", $"{stack.Layers[0]}");
        Assert.Equal(new FileSystemLayer("ext4", ext4.Folder, ext4.Device, image, null, false, false), stack.Layers[1]);
        Assert.Equal(new DeviceLayer("loop", ext4.Device, 320 << 20), stack.Layers[2]);
        Assert.Equal(3, stack.Layers.Count);
        Assert.Equal(1, host.RoundTrips);
        Assert.Equal($"raw {image}\n└─ ext4 {ext4.Folder}\n   └─ loop {ext4.Device} (320 MiB)", stack.Tree);
    }

    [Theory]
    [InlineData("reflink=1", true)]
    [InlineData("reflink=0", false)]
    public void XFS_clones_blocks_if_it_was_made_to(string option, bool canClone)
    {
        var xfs = Make("xfs", "mkfs.xfs", "-q", "-m", option);
        var image = Raw(xfs.Folder, "disk.raw");
        Assert.Equal(new FileSystemLayer("xfs", xfs.Folder, xfs.Device, image, null, canClone, false), StackOf(image).Find<FileSystemLayer>());
        Assert.Equal(canClone, LabScript.TryRunProgram("cp", "--reflink=always", image, image + ".copy").ExitCode == 0);
    }

    [Fact]
    public void The_innermost_subvolume_of_btrfs_that_holds_the_file()
    {
        var btrfs = Make("btrfs", "mkfs.btrfs", "-q");
        var vms = Subvolume(btrfs.Folder, "vms");
        var nested = Subvolume(vms, "it's nested\n");
        foreach (var (place, subvolume) in new[] { (btrfs.Folder, btrfs.Folder), (vms, vms), (nested, nested), (Plain(vms, "plain"), vms),
            (Plain(Plain(nested, "a b"), "c"), nested) })
        {
            var image = Raw(place, "disk.raw");
            var stack = StackOf(image);
            Assert.Equal(new FileSystemLayer("btrfs", btrfs.Folder, btrfs.Device, image, subvolume, true, false), stack.Find<FileSystemLayer>());
            Assert.Equal(new DeviceLayer("loop", btrfs.Device, 320 << 20), stack.Layers[2]);
        }
    }

    [Fact]
    public void A_part_of_btrfs_that_is_mounted_elsewhere_is_shown_where_the_subvolume_is()
    {
        var btrfs = Make("btrfs", "mkfs.btrfs", "-q");
        var vms = Subvolume(btrfs.Folder, "vms");
        var inner = Subvolume(Plain(vms, "plain"), "inner");
        var image = Raw(Path.Combine(vms, "plain"), "disk.raw");
        var innerImage = Raw(inner, "disk.raw");
        var part = Bind(Path.Combine(vms, "plain"), "part");

        // The folder is not a subvolume, and the one it lies in is seen elsewhere; the inner one is seen here.
        var layer = StackOf(Path.Combine(part, "disk.raw")).Find<FileSystemLayer>();
        Assert.Equal(new FileSystemLayer("btrfs", btrfs.Folder, btrfs.Device, image, vms, true, false), layer);
        Assert.True(File.Exists(innerImage));
        layer = StackOf(Path.Combine(part, "inner/disk.raw")).Find<FileSystemLayer>();
        Assert.Equal((part, Path.Combine(part, "inner"), "/vms/plain"), (layer!.MountPoint, layer.Subvolume, layer.Root));

        // A subvolume that is mounted by itself.
        var own = Mounted(btrfs.Device, "own", "-o", "subvol=vms");
        layer = StackOf(Path.Combine(own, "plain/disk.raw")).Find<FileSystemLayer>();
        Assert.Equal((own, own, "/vms"), (layer!.MountPoint, layer.Subvolume, layer.Root));

        // What is mounted over it hides the first, but not this one.
        using (new Mounting("-t", "tmpfs", "none", btrfs.Folder))
        {
            layer = StackOf(Path.Combine(part, "disk.raw")).Find<FileSystemLayer>();
            Assert.Equal((own, Path.Combine(own, "plain/disk.raw"), own), (layer!.MountPoint, layer.File, layer.Subvolume));
            using (new Mounting("-t", "tmpfs", "none", own))
            {
                layer = StackOf(Path.Combine(part, "disk.raw")).Find<FileSystemLayer>();
                Assert.Equal((part, Path.Combine(part, "disk.raw"), null, "/vms/plain"), (layer!.MountPoint, layer.File, layer.Subvolume, layer.Root));
            }
        }
    }

    [Fact]
    public void A_btrfs_on_two_devices_stands_on_both()
    {
        using var first = new LoopDevice(folder, "first");
        using var second = new LoopDevice(folder, "second");
        LabScript.RunProgram("mkfs.btrfs", "-q", "-d", "raid1", "-m", "raid1", first.Path, second.Path);
        LabScript.RunProgram("btrfs", "device", "scan", first.Path, second.Path);
        var point = Mounted(second.Path, "two");
        var stack = StackOf(Raw(point, "disk.raw"));
        Assert.Equal([first.Path, second.Path], stack.Layers.OfType<DeviceLayer>().Select(device => device.Path).Order());
        Assert.Matches(@"^raw .*\n└─ btrfs .*\n   ├─ loop .*\n   └─ loop .*\z", stack.Tree);
        LabScript.RunProgram("umount", point);
    }

    [Fact]
    public void A_bind_mount_of_a_folder_or_a_file_is_shown_where_the_whole_file_system_is()
    {
        var ext4 = Make("ext4", "mkfs.ext4", "-q");
        var image = Raw(Plain(ext4.Folder, "vms"), "disk.raw");
        var expected = new FileSystemLayer("ext4", ext4.Folder, ext4.Device, image, null, false, false);
        var place = Bind(Path.Combine(ext4.Folder, "vms"), "place");
        Assert.Equal(expected, StackOf(Path.Combine(place, "disk.raw")).Find<FileSystemLayer>());
        var file = Raw(folder, "file.raw");
        using (new Mounting("--bind", image, file))
        {
            Assert.Equal(expected, StackOf(file).Find<FileSystemLayer>());
        }

        // A later mount over a folder hides what is mounted deeper.
        using (new Mounting("-t", "tmpfs", "none", ext4.Folder))
        {
            Assert.Equal((place, "/vms"),
                (StackOf(Path.Combine(place, "disk.raw")).Find<FileSystemLayer>()!.MountPoint, StackOf(Path.Combine(place, "disk.raw"))
                .Find<FileSystemLayer>()!.Root));
            Assert.Equal("tmpfs", StackOf(Raw(Plain(ext4.Folder, "vms"), "other.raw")).Find<FileSystemLayer>()!.FileSystem);
        }
    }

    [Fact]
    public void Links_are_followed_and_a_read_only_mount_is_seen()
    {
        var ext4 = Make("ext4", "mkfs.ext4", "-q");
        var image = Raw(ext4.Folder, "disk.raw");
        File.CreateSymbolicLink(Path.Combine(folder, "link"), "ext4/../ext4");
        File.CreateSymbolicLink(Path.Combine(folder, "link.raw"), "link/disk.raw");
        LabScript.RunProgram("mount", "-o", "remount,ro", ext4.Folder);
        var stack = StackOf(Path.Combine(folder, "link.raw"));
        Assert.Equal(Path.Combine(folder, "link.raw"), stack.Find<ImageLayer>()!.Path);
        Assert.Equal(new FileSystemLayer("ext4", ext4.Folder, ext4.Device, image, null, false, true), stack.Find<FileSystemLayer>());
    }

    [Theory]
    [MemberData(nameof(OddNames))]
    public void Names_with_any_character(string name)
    {
        var place = Mounted("none", name, "-t", "tmpfs");
        var image = Path.Combine(Plain(place, name), name + ".qcow2");
        var backing = Path.Combine(Path.GetDirectoryName(image)!, name);
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", backing, "1M");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", "qcow2", image);
        var stack = StackOf(image, "qcow2");
        var layer = stack.Find<FileSystemLayer>()!;
        Assert.Equal(("tmpfs", place, image), (layer.FileSystem, layer.MountPoint, layer.File));
        var below = Assert.Single(stack.Find<ImageLayer>()!.BackingChain);
        Assert.Equal((backing, backing, layer with { File = backing }), (below.Path, below.Written, below.FileSystem));
        Assert.False(File.Exists(Path.Combine(Environment.CurrentDirectory, "x")));
    }

    [Fact]
    public void Images_of_a_shut_off_domain_are_followed_by_their_headers()
    {
        // What relative names mean depends on the name that the image above was opened by.
        var place = Plain(folder, "place");
        var other = Plain(folder, "other");
        Qcow2(other, "base.qcow2");
        Qcow2(place, "relative.qcow2", "../other/base.qcow2");
        Qcow2(place, "json.qcow2", $"json:{{\"driver\":\"qcow2\",\"file\":{{\"driver\":\"file\",\"filename\":\"{place}/relative.qcow2\"}}}}");
        Qcow2(place, "absolute.qcow2", Path.Combine(place, "json.qcow2"));
        var top = Qcow2(place, "top.qcow2", "file:absolute.qcow2");
        File.CreateSymbolicLink(Path.Combine(folder, "link.qcow2"), "place/relative.qcow2");
        Qcow2(folder, "elsewhere.qcow2");
        Directory.CreateDirectory(Path.Combine(folder, "x"));

        var chain = StackOf(top, "qcow2").Find<ImageLayer>()!.BackingChain;
        Assert.Equal(["absolute.qcow2", "json.qcow2", "relative.qcow2", "base.qcow2"], chain.Select(image => Path.GetFileName(image.Path)));
        Assert.Equal(["file:absolute.qcow2", $"{place}/json.qcow2"], chain.Take(2).Select(image => image.Written));
        Assert.StartsWith("json:", chain[2].Written, StringComparison.Ordinal);
        Assert.Equal(("../other/base.qcow2", Path.Combine(other, "base.qcow2")), (chain[3].Written, chain[3].Path));
        Assert.All(chain, image => Assert.Equal(image.Path, image.FileSystem!.File));
        Assert.Equal(5, host.RoundTrips);

        // ../other is looked for beside the link, where it is not: the name leads nowhere.
        var linked = Assert.Single(StackOf(Path.Combine(folder, "link.qcow2"), "qcow2").Find<ImageLayer>()!.BackingChain);
        Assert.Equal((Path.Combine(Path.GetDirectoryName(folder)!, "other/base.qcow2"), null), (linked.Path, linked.FileSystem));
    }

    [Fact]
    public void Of_a_running_domain_the_definition_knows_the_images_and_the_headers_how_they_are_written()
    {
        Qcow2(folder, "base.qcow2");
        Qcow2(folder, "middle.qcow2", "base.qcow2");
        var top = Qcow2(folder, "top.qcow2", "middle.qcow2");
        var xml = $"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{top}' index='3'/>"
            + $"<backingStore type='file' index='2'><format type='qcow2'/><source file='{folder}/middle.qcow2'/>"
            + $"<backingStore type='file' index='1'><format type='qcow2'/><source file='{folder}/base.qcow2'/><backingStore/></backingStore></backingStore><target dev='vda'/></disk>";
        var chain = StackOfXml(xml).Find<ImageLayer>()!.BackingChain;
        Assert.Equal([($"{folder}/middle.qcow2", "middle.qcow2"), ($"{folder}/base.qcow2", "base.qcow2")], chain.Select(image => (image.Path, image.Written)));
        Assert.Equal(1, host.RoundTrips);
    }

    [Fact]
    public void Images_that_name_each_other_that_are_not_there_or_on_a_server()
    {
        var first = Qcow2(folder, "first.qcow2", "second.qcow2");
        Qcow2(folder, "second.qcow2", "first.qcow2");
        var loop = StackOf(first, "qcow2").Find<ImageLayer>()!;
        Assert.Equal($"qcow2 {first} (on {folder}/second.qcow2, a cyclic chain)", $"{loop}");
        Assert.Equal(2, ImageChain.FromImages(new LocalHost("test:///default"), DiskSource.ForPath(first, "qcow2", isBlockDevice: false)).Count);
        var own = Qcow2(folder, "own.qcow2", "own.qcow2");
        Assert.Equal($"qcow2 {own} (a cyclic chain)", $"{StackOf(own, "qcow2").Find<ImageLayer>()}");

        var missing = Assert.Single(StackOf(Qcow2(folder, "orphan.qcow2", "gone.qcow2"), "qcow2").Find<ImageLayer>()!.BackingChain);
        Assert.Equal(($"{folder}/gone.qcow2", "gone.qcow2", null), (missing.Path, missing.Written, missing.FileSystem));

        var server = Assert.Single(StackOf(Qcow2(folder, "remote.qcow2", "nbd://host:10809/x"), "qcow2").Find<ImageLayer>()!.BackingChain);
        Assert.Equal((null, "nbd://host:10809/x", null), (server.Path, server.Written, server.FileSystem));
    }

    [Fact]
    public void A_raw_image_in_which_the_guest_has_written_a_header_is_not_believed()
    {
        var image = Qcow2(folder, "disk", "/etc/passwd");
        Assert.Empty(StackOf(image).Find<ImageLayer>()!.BackingChain);
        Assert.Single(StackOf(image, "qcow2").Find<ImageLayer>()!.BackingChain);

        // The same file used as both.
        VmDisk[] both = [TestDomain.Disk(BareDomain.FileDisk(image, "vda", "raw")), TestDomain.Disk(BareDomain.FileDisk(image, "vdb", "qcow2"))];
        var probe = new StorageProbe(() => host, both);
        Assert.Equal([0, 1], both.Select(disk => probe.StackOf(disk).Find<ImageLayer>()!.BackingChain.Count));
    }

    [Fact]
    public void A_name_that_is_far_down_in_the_header_is_found_as_well()
    {
        var image = Qcow2(folder, "top.qcow2", "base.qcow2");
        Qcow2(folder, "base.qcow2");
        var bytes = File.ReadAllBytes(image);
        "base.qcow2"u8.CopyTo(bytes.AsSpan(60_000));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), 60_000);
        File.WriteAllBytes(image, bytes);
        Assert.Equal("base.qcow2", Assert.Single(StackOf(image, "qcow2").Find<ImageLayer>()!.BackingChain).Written);
    }

    [Fact]
    public void An_image_whose_data_is_in_another_file_stands_on_that()
    {
        var image = Path.Combine(folder, "disk.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-o", $"data_file={folder}/disk.data", image, "1M");
        var data = Assert.Single(StackOf(image, "qcow2").Find<ImageLayer>()!.BackingChain);
        Assert.Equal(($"{folder}/disk.data", $"{folder}/disk.data"), (data.Path, data.FileSystem!.File));
    }

    [Fact]
    public void A_disk_that_is_a_device_and_a_partition_of_it()
    {
        using var device = new LoopDevice(folder, "disk");
        Assert.Equal([new ImageLayer("raw", device.Path, []).ToString(), $"loop {device.Path} (320 MiB)"], StackOfDevice(device.Path)
            .Layers.Select(layer => $"{layer}"));

        // One primary partition from 1 MiB on, as fdisk writes it.
        using (var file = File.OpenHandle(device.Path, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.Write(file, (byte[])[0, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0, 8, 0], 446);
            RandomAccess.Write(file, (byte[])[0x55, 0xAA], 510);
        }

        LabScript.RunProgram("partx", "--add", device.Path);
        var partition = device.Path + "p1";
        LabScript.RunProgram("mkfs.ext4", "-q", "-F", partition);
        var point = Mounted(partition, "partition");
        var stack = StackOf(Raw(point, "disk.raw"));
        Assert.Equal<StorageLayer>([new DeviceLayer("part", partition, 256 << 20), new DeviceLayer("loop", device.Path, 320 << 20)], stack.Layers.Skip(2));
        LabScript.RunProgram("umount", point);
        LabScript.RunProgram("partx", "--delete", device.Path);
    }

    [Fact]
    public void A_qcow2_on_a_device_is_followed_too()
    {
        using var device = new LoopDevice(folder, "disk");
        var backing = Qcow2(folder, "base.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", "qcow2", device.Path, "1M");
        var stack = StackOfXml(BareDomain.Disk("block", $"<source dev='{device.Path}'/>", "vda", "qcow2"));
        Assert.Equal(backing, Assert.Single(stack.Find<ImageLayer>()!.BackingChain).Path);
        Assert.Equal(device.Path, stack.Find<DeviceLayer>()!.Path);
        Assert.Null(stack.Find<FileSystemLayer>());
    }

    [Fact]
    public void Where_nothing_is_there_is_no_more_than_the_image()
    {
        LabScript.RunProgram("mkfifo", Path.Combine(folder, "fifo"));
        File.CreateSymbolicLink(Path.Combine(folder, "loop"), "loop");
        Assert.Equal(["raw /nowhere/at all.raw"], StackOf("/nowhere/at all.raw").Layers.Select(layer => $"{layer}"));
        Assert.Equal(["qcow2 relative"], StackOf("relative", "qcow2").Layers.Select(layer => $"{layer}"));
        Assert.Single(StackOf(Path.Combine(folder, "loop"), "qcow2").Layers);
        Assert.Empty(StackOf(Path.Combine(folder, "fifo"), "qcow2").Find<ImageLayer>()!.BackingChain);
        var asked = host.RoundTrips;
        Assert.Empty(StackOfXml("<disk type='file' device='cdrom'><target dev='sda'/></disk>").Layers);
        Assert.Equal(
            [("raw", "rbd:pool/image"), ("rbd", "pool/image")],
            StackOfXml(BareDomain.Disk("network", "<source protocol='rbd' name='pool/image'/>", "vda", "raw"))
                .Layers.Select(layer => (layer.Type, layer.Name)));
        Assert.Single(StackOfXml(BareDomain.Disk("volume", "<source pool='p' volume='v'/>", "vda", "raw")).Layers);
        Assert.Equal(asked, host.RoundTrips);
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_hundred_domains_with_chains_of_three_images_take_three_round_trips()
    {
        var disks = Enumerable.Range(0, 100).SelectMany(number =>
        {
            Qcow2(folder, $"{number}-base.qcow2");
            Qcow2(folder, $"{number}-middle.qcow2", $"{number}-base.qcow2");
            var top = Qcow2(folder, $"{number}-top.qcow2", $"{number}-middle.qcow2");
            return new[] { BareDomain.FileDisk(top, "vda", "qcow2"), BareDomain.FileDisk(Raw(folder, $"{number}.raw"), "vdb", "raw") }
                .Select(xml => TestDomain.Disk(xml) with { DomainUuid = new Guid(number, 0, 0, new byte[8]) });
        }).ToList();
        var probe = new StorageProbe(() => host, disks);
        foreach (var disk in disks)
        {
            var image = probe.StackOf(disk).Find<ImageLayer>()!;
            Assert.Equal(disk.Source.Path, image.Path);
            Assert.Equal(disk.Target == "vda" ? 2 : 0, image.BackingChain.Count);
            Assert.All(image.BackingChain, backing => Assert.StartsWith(disk.Source.Path!.Split("-top")[0] + "-", backing.Path!, StringComparison.Ordinal));
        }

        Assert.InRange(host.RoundTrips, 1, 3);
    }

    [Fact]
    public void More_paths_than_fit_into_one_command_line_are_asked_for_in_parts()
    {
        var place = Plain(Plain(folder, new string('x', 200)), new string('y', 200));
        var disks = Enumerable.Range(0, 400)
            .Select(number => TestDomain.Disk(BareDomain.FileDisk(Raw(place, $"{number}.raw"), "vda", "raw")) with { DomainUuid = new Guid(number, 0, 0,
                new byte[8]) })
            .ToList();
        var probe = new StorageProbe(() => host, disks);
        Assert.All(disks, disk => Assert.Equal(disk.Source.Path, probe.StackOf(disk).Find<FileSystemLayer>()!.File));
        Assert.InRange(host.RoundTrips, 2, 5);
    }

    [Fact]
    public void Disks_of_a_real_domain_running_and_shut_off()
    {
        using var domain = new BareDomain(lab, "probe");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", Path.Combine(lab.Images, "probe-other.qcow2"), "8M");
        foreach (var _ in new[] { "running", "shut off" })
        {
            var disk = domain.Domain.FindDisk("vda")!;
            var stack = Assert.Single(StorageStack.Of([new DomainDisks(domain.Domain, [disk])]));
            Assert.Equal(("probe", "vda", lab.Uri), (stack.Domain, stack.Disk, stack.Uri));
            Assert.Equal(domain.Image(), stack.Find<FileSystemLayer>()!.File);
            if (domain.Domain.IsActive)
            {
                Engine.Take(domain.Domain, "one");
                disk = domain.Domain.FindDisk("vda")!;
                var chain = StorageStack.Of([new DomainDisks(domain.Domain, [disk])])[0].Find<ImageLayer>()!.BackingChain;
                Assert.Equal([domain.Image()], chain.Select(image => image.Path));
                Engine.Remove(domain.Domain, Engine.List(domain.Domain));
                lab.Virsh("destroy", "probe");
            }
        }
    }

    private LoopFileSystem Make(string name, params string[] make)
    {
        var made = new LoopFileSystem(folder, name, make);
        used.Push(made);
        return made;
    }

    private string Mounted(string device, string name, params string[] options)
    {
        var point = Plain(folder, name);
        used.Push(new Mounting([.. options, device, point]));
        return point;
    }

    private string Bind(string from, string name) => Mounted(from, name, "--bind");

    private static string Plain(string parent, string name) => Directory.CreateDirectory(Path.Combine(parent, name)).FullName;

    private static string Subvolume(string parent, string name)
    {
        var path = Path.Combine(parent, name);
        LabScript.RunProgram("btrfs", "-q", "subvolume", "create", path);
        return path;
    }

    private static string Raw(string folder, string name)
    {
        var image = Path.Combine(folder, name);
        File.WriteAllText(image, "some data");
        return image;
    }

    private static string Qcow2(string folder, string name, string? backing = null)
    {
        var image = Path.Combine(folder, name);
        LabScript.RunProgram("qemu-img",
            ["create", "-q", "-f", "qcow2", .. backing is null ? [] : (string[])["-u", "-b", backing, "-F", "qcow2"], image, "1M"]);
        return image;
    }

    // A line break in an attribute is a blank to XML unless it is written as a character reference.
    private StorageStack StackOf(string image, string format = "raw") =>
        StackOfXml(BareDomain.FileDisk(image, "vda", format).Replace("\n", "&#10;", StringComparison.Ordinal));

    private StorageStack StackOfDevice(string path) => StackOfXml(BareDomain.Disk("block", $"<source dev='{SecurityElement.Escape(path)}'/>", "vda", "raw"));

    private StorageStack StackOfXml(string xml)
    {
        var disk = TestDomain.Disk(xml);
        return new StorageProbe(() => host, [disk]).StackOf(disk);
    }
}
