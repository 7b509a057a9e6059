using System.Xml;
using VirtSnapshot.Domains;
using Xunit;

namespace VirtSnapshot.UnitTests.Domains;

public class SafeXmlTests
{
    [Theory]
    [InlineData("<!DOCTYPE disk><disk/>")]
    [InlineData("<!DOCTYPE disk [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><disk>&x;</disk>")]
    [InlineData("<!DOCTYPE a [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><disk>&b;</disk>")]
    [InlineData("<disk>&unknown;</disk>")]
    [InlineData("<disk")]
    [InlineData("<disk/><disk/>")]
    [InlineData("<disk a='1' a='2'/>")]
    [InlineData("<disk>\u0001</disk>")]
    public void Hostile_or_broken_XML_is_refused(string xml) => Assert.ThrowsAny<XmlException>(() => SafeXml.Parse(xml));

    [Fact]
    public void A_user_s_element_may_not_be_longer_than_its_bound()
    {
        var longest = $"<disk>{new string('x', SafeXml.MaxUserElement - "<disk></disk>".Length)}</disk>";
        Assert.Equal("disk", SafeXml.ParseUserElement(longest, "disk").Name.LocalName);

        var error = Assert.Throws<VirtSnapshotException>(() => SafeXml.ParseUserElement(longest + " ", "disk"));
        Assert.Equal("InvalidXml", error.ErrorId);
        Assert.Equal(FailureKind.InvalidArgument, error.Kind);
        Assert.True(((string)error.TargetObject!).Length < 300, "The whole hostile text is in the error.");
    }

    [Theory]
    [InlineData("<domain/>", "is a <domain>")]
    [InlineData("<disk xmlns='urn:other'/>", "in the namespace 'urn:other'")]
    [InlineData("<disk", "cannot be parsed")]
    public void Another_element_is_refused_and_the_error_says_which(string xml, string says)
    {
        var error = Assert.Throws<VirtSnapshotException>(() => SafeXml.ParseUserElement(xml, "disk"));
        Assert.Equal("InvalidXml", error.ErrorId);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deep_nesting_ends_in_an_error_and_never_in_the_process_s_end()
    {
        Assert.Equal("InvalidXml", Assert.Throws<VirtSnapshotException>(() => SafeXml.ParseUserElement(Nested(9000), "disk")).ErrorId);
        Assert.Equal("InvalidXml", Assert.Throws<VirtSnapshotException>(() => SafeXml.ParseUserElement($"<disk>{Nested(9000)}</disk>", "disk")).ErrorId);
        Assert.Equal("InvalidXml", Assert.Throws<VirtSnapshotException>(() => SafeXml.ParseUserElement($"<disk>{Nested(257)}</disk>", "disk")).ErrorId);
        Assert.Equal("disk", SafeXml.ParseUserElement($"<disk>{Nested(256)}</disk>", "disk").Name.LocalName);

        static string Nested(int levels) => string.Concat(Enumerable.Repeat("<a>", levels)) + string.Concat(Enumerable.Repeat("</a>", levels));
    }
}
