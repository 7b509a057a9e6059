using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Tests.Domains;
using Xunit;

namespace VirtSnapshot.UnitTests.Domains;

public class VmDiskTests
{
    [Fact]
    public void An_ordinary_disk_is_read_with_all_that_it_says()
    {
        var disk = TestDomain.Disk("""
            <disk type='file' device='disk' snapshot='external'>
              <driver name='qemu' type='qcow2' cache='none' discard='unmap'/>
              <source file='/images/with &amp; sign.qcow2' index='3'/>
              <backingStore type='file' index='4'><format type='raw'/><source file='/images/base.img'/><backingStore/></backingStore>
              <target dev='vda' bus='virtio'/>
              <serial>WD-1</serial>
            </disk>
            """);
        Assert.Equal(("vda", "virtio", "disk", "qcow2", "none", "WD-1"), (disk.Target, disk.Bus, disk.Device, disk.Format, disk.Cache, disk.Serial));
        Assert.Equal((DiskSourceType.File, "/images/with & sign.qcow2", 3), (disk.Source.Type, disk.Source.Path, disk.Source.Index));
        var backing = Assert.Single(disk.BackingChain);
        Assert.Equal(("/images/base.img", "raw", 4), (backing.Path, backing.Format, backing.Index));
        Assert.Null(disk.WhyNotSnapshottable());
        Assert.DoesNotContain("index", disk.Source.Xml, StringComparison.Ordinal);
        Assert.Equal("one/vda", disk.ToString());
    }

    [Theory]
    [InlineData("<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>", "cdrom")]
    [InlineData("<disk type='file' device='floppy'><source file='/f'/><target dev='fda'/></disk>", "floppy")]
    [InlineData("<disk type='block' device='lun'><source dev='/dev/sdx'/><target dev='sda'/></disk>", "lun")]
    [InlineData("<disk type='file'><source file='/a'/><target dev='vda'/><readonly/></disk>", "read-only")]
    [InlineData("<disk type='file'><source file='/a'/><target dev='vda'/><shareable/></disk>", "shareable")]
    [InlineData("<disk type='file'><source file='/a'/><target dev='vda'/><transient/></disk>", "transient")]
    [InlineData("<disk type='file'><target dev='vda'/></disk>", "no source")]
    [InlineData("<disk type='nvme'><source type='pci' namespace='1'><address domain='0x0000'/></source><target dev='vda'/></disk>", "the type 'nvme'")]
    [InlineData("<disk type='vhostuser'><source type='unix' path='/s'/><target dev='vda'/></disk>", "the type 'vhostuser'")]
    [InlineData("<disk type='vhostvdpa'><source dev='/dev/vhost-vdpa-0'/><target dev='vda'/></disk>", "the type 'vhostvdpa'")]
    public void A_disk_that_cannot_be_snapshotted_says_why(string xml, string why) =>
        Assert.Contains(why, TestDomain.Disk(xml).WhyNotSnapshottable(), StringComparison.Ordinal);

    [Fact]
    public void A_disk_without_a_driver_has_no_format_and_no_cache()
    {
        var disk = TestDomain.Disk("<disk type='file'><source file='/a'/><target dev='vda'/></disk>");
        Assert.Null(disk.Format);
        Assert.Null(disk.Cache);
        Assert.Equal("disk", disk.Device);
        Assert.Empty(disk.BackingChain);
    }

    [Fact]
    public void A_network_disk_has_a_name_and_no_path()
    {
        var source = TestDomain.Disk("""
            <disk type='network'><driver type='raw'/>
              <source protocol='rbd' name='pool/image'><host name='mon1' port='6789'/><auth username='u'><secret type='ceph' usage='x'/></auth></source>
              <target dev='vdc'/></disk>
            """).Source;
        Assert.Equal((DiskSourceType.Network, "rbd", "pool/image", null), (source.Type, source.Protocol, source.Name, source.Path));
        Assert.Equal("rbd:pool/image", source.ToString());
        Assert.NotNull(XElement.Parse(source.Xml).Element("host"));
    }

    [Theory]
    [InlineData("name='x'><host name='one' port='1'/>", "name='x' tls='no'><host name='one' port='1'/>", true)]
    [InlineData("name='x'><host name='one' port='1'/>", "name='x'><host name='two' port='1'/>", false)]
    [InlineData("name='x'><host name='one' port='1'/>", "name='y'><host name='one' port='1'/>", false)]
    [InlineData("><host transport='unix' socket='/a'/>", "><host transport='unix' socket='/a'/>", true)]
    [InlineData("><host transport='unix' socket='/a'/>", "><host transport='unix' socket='/b'/>", false)]
    public void Network_disks_are_the_same_where_server_and_name_are(string one, string other, bool isSame)
    {
        DiskSource Source(string rest) => TestDomain.Disk($"<disk type='network'><source protocol='nbd' {rest}</source><target dev='vda'/></disk>").Source;
        Assert.Equal(isSame, Source(one).IsSameAs(Source(other)));
        Assert.False(Source(one).IsSameAs(DiskSource.ForPath("/a", null, false)));
    }

    [Fact]
    public void A_volume_is_translated_to_its_path_where_libvirt_knows_it()
    {
        const string Xml = "<disk type='volume'><source pool='p' volume='v'/><target dev='vda'/></disk>";
        var known = TestDomain.Disk(Xml, (pool, volume) => $"/pools/{pool}/{volume}").Source;
        Assert.Equal((DiskSourceType.Volume, "/pools/p/v", "p/v"), (known.Type, known.Path, known.Name));

        var unknown = TestDomain.Disk(Xml).Source;
        Assert.Null(unknown.Path);
        Assert.Equal("p/v", unknown.ToString());
    }

    [Theory]
    [InlineData("nvme", "<source type='pci' managed='yes' namespace='1'><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>")]
    [InlineData("vhostuser", "<source type='unix' path='/tmp/x.sock'/>")]
    [InlineData("surely-not-yet-invented", "<source what='ever'/>")]
    public void A_type_that_we_do_not_know_breaks_nothing(string type, string source)
    {
        var disk = TestDomain.Disk($"<disk type='{type}'>{source}<target dev='vda'/></disk>");
        Assert.Null(disk.Source.Path);
        Assert.Equal("vda", disk.Target);
    }

    [Fact]
    public void A_block_job_is_seen_and_whether_it_is_ready()
    {
        Assert.True(TestDomain.Disk("<disk type='file'><source file='/a'/><mirror type='file'/><target dev='vda'/></disk>") is { HasMirror: true,
            IsMirrorReady: false });
        Assert.True(TestDomain.Disk("<disk type='file'><source file='/a'/><mirror type='file' ready='yes'/><target dev='vda'/></disk>") is { IsMirrorReady: true });
    }

    [Fact]
    public void The_configured_method_is_woven_into_the_disk_s_XML()
    {
        var domain = TestDomain.Of("""
            <metadata><v:method xmlns:v='urn:virtsnapshot:1:method:vda'><v:diskSnapshot method='lvm'><v:size>5</v:size></v:diskSnapshot></v:method></metadata>
            <devices><disk type='file'><source file='/a'/><target dev='vda'/></disk><disk type='file'><source file='/b'/><target dev='vdb'/></disk></devices>
            """);
        Assert.Equal("lvm", domain.FindDisk("vda")!.Method!.Name);
        Assert.Equal("5", (string?)XElement.Parse(domain.FindDisk("vda")!.Xml).Element("diskSnapshot")!.Element("size"));
        Assert.Null(domain.FindDisk("vdb")!.Method);
        Assert.Null(XElement.Parse(domain.FindDisk("vdb")!.Xml).Element("diskSnapshot"));
    }
}
