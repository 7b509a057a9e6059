using VirtSnapshot.Domains;
using VirtSnapshot.Tests.Domains;
using Xunit;

namespace VirtSnapshot.UnitTests.Domains;

public class DiskSelectorTests
{
    private static readonly VmDomain Domain = TestDomain.Of("""
        <devices>
          <disk type='file'><source file='/images/a[1].img'/><target dev='vda'/></disk>
          <disk type='block'><source dev='/dev/vg/b'/><target dev='vdb'/></disk>
          <disk type='network'><source protocol='rbd' name='p/i'/><target dev='sda'/></disk>
        </devices>
        """);

    [Theory]
    [InlineData("vda", "vda")]
    [InlineData("vd*", "vda vdb")]
    [InlineData("VD?", "vda vdb")]
    [InlineData("x*", "")]
    [InlineData("/images/a[1].img", "vda")]
    [InlineData("/dev/vg/b", "vdb")]
    [InlineData("<disk><target dev='sda'/></disk>", "sda")]
    [InlineData("  <disk type='file'><source file='/images/a[1].img'/><target dev='vda'/></disk>", "vda")]
    public void A_target_a_wildcard_a_path_or_an_element_names_disks(string text, string targets) =>
        Assert.Equal(targets, string.Join(' ', DiskSelector.Parse(text).Match(Domain).Select(disk => disk.Target)));

    [Theory]
    [InlineData("vdz")]
    [InlineData("VDA")]
    [InlineData("/images/none")]
    [InlineData("")]
    [InlineData("p/i")]
    [InlineData("<disk><target dev='vdz'/></disk>")]
    public void One_disk_that_is_not_there_is_an_error_naming_those_that_are(string text)
    {
        var error = Assert.Throws<VirtSnapshotException>(() => DiskSelector.Parse(text).Match(Domain));
        Assert.Equal((FailureKind.ObjectNotFound, "DiskNotFound"), (error.Kind, error.ErrorId));
        Assert.Equal(text.StartsWith('<') ? "vdz" : text, error.TargetObject);
        Assert.Contains("vda, vdb, sda", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<disk/>")]
    [InlineData("<disk><target/></disk>")]
    [InlineData("<domain><target dev='vda'/></domain>")]
    [InlineData("<disk xmlns='urn:x'><target dev='vda'/></disk>")]
    [InlineData("<!DOCTYPE disk [<!ENTITY t 'vda'>]><disk><target dev='&t;'/></disk>")]
    public void An_element_that_does_not_name_a_disk_is_refused(string xml)
    {
        var error = Assert.Throws<VirtSnapshotException>(() => DiskSelector.Parse(xml));
        Assert.Equal((FailureKind.InvalidArgument, "InvalidXml"), (error.Kind, error.ErrorId));
    }

    [Theory]
    [InlineData("<disk type='file'><source file='/moved'/><target dev='vda'/></disk>")]
    [InlineData("<disk type='network'><source protocol='rbd' name='p/other'/><target dev='sda'/></disk>")]
    public void An_element_of_another_source_is_refused(string xml)
    {
        var error = Assert.Throws<VirtSnapshotException>(() => DiskSelector.Parse(xml).Match(Domain));
        Assert.Equal((FailureKind.InvalidArgument, "DiskDiffers"), (error.Kind, error.ErrorId));
    }

    [Fact]
    public void An_element_may_carry_its_method() => Assert.Equal(
        "lvm", DiskSelector.Parse("<disk><target dev='vda'/><diskSnapshot method='lvm'/></disk>").Method!.Name);
}
