using System.Xml.Linq;
using VirtSnapshot.Domains;
using Xunit;

namespace VirtSnapshot.UnitTests.Methods;

public class DiskSnapshotMethodTests
{
    [Fact]
    public void A_name_becomes_an_element() =>
        Assert.True(XNode.DeepEquals(XElement.Parse("<diskSnapshot method='qemu'/>"), XElement.Parse(DiskSnapshotMethod.Parse("qemu").Xml)));

    [Theory]
    [InlineData("<diskSnapshot method='lvm' size='5'><!-- why --><pool xmlns='urn:x' b='2'>a<![CDATA[<]]></pool></diskSnapshot>")]
    [InlineData(" \n<diskSnapshot method='a1-b'/>")]
    public void What_an_element_holds_is_kept(string xml)
    {
        var method = DiskSnapshotMethod.Parse(xml);
        Assert.Equal((string)XElement.Parse(xml).Attribute("method")!, method.Name);
        Assert.Equal(method.Name, method.ToString());
        Assert.True(XNode.DeepEquals(XElement.Parse(xml), XElement.Parse(method.Xml)), method.Xml);
    }

    [Theory]
    [InlineData("")]
    [InlineData("QEMU")]
    [InlineData("1a")]
    [InlineData("-a")]
    [InlineData("a b")]
    [InlineData("a\n")]
    [InlineData("qemu;rm")]
    [InlineData("a23456789012345678901234567890123")]
    [InlineData("<diskSnapshot/>")]
    [InlineData("<diskSnapshot method=''/>")]
    [InlineData("<diskSnapshot method='../x'/>")]
    public void What_is_no_method_s_name_is_refused(string text) =>
        Assert.Equal("InvalidMethod", Assert.Throws<VirtSnapshotException>(() => DiskSnapshotMethod.Parse(text)).ErrorId);

    [Theory]
    [InlineData("<disk method='qemu'/>")]
    [InlineData("<diskSnapshot xmlns='urn:x' method='qemu'/>")]
    [InlineData("<diskSnapshot method='qemu'")]
    [InlineData("<!DOCTYPE diskSnapshot [<!ENTITY m 'qemu'>]><diskSnapshot method='&m;'/>")]
    [InlineData("<x:diskSnapshot method='qemu'/>")]
    public void Any_other_XML_is_refused(string text)
    {
        var error = Assert.Throws<VirtSnapshotException>(() => DiskSnapshotMethod.Parse(text));
        Assert.Equal((FailureKind.InvalidArgument, "InvalidXml"), (error.Kind, error.ErrorId));
    }

    [Fact]
    public void A_huge_element_is_refused() => Assert.Equal(
        "InvalidXml", Assert.Throws<VirtSnapshotException>(() =>
            DiskSnapshotMethod.Parse($"<diskSnapshot method='qemu'>{new string('x', 70_000)}</diskSnapshot>")).ErrorId);
}
