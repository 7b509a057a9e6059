using System.Xml;
using System.Xml.Linq;
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

    [Fact]
    public void Text_is_that_of_LINQ_to_XML_also_after_an_element_that_cannot_be_written()
    {
        XNamespace other = "urn:other";
        var source = new XElement(
            "source",
            new XAttribute("file", "/a'b\"c<d>&\n\té😀"),
            new XAttribute(other + "x", "1"),
            new XElement(other + "inner", "text\r\n ", new XComment("c"), new XCData("]"), new XElement("inner")));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(source.ToString(SaveOptions.DisableFormatting), SafeXml.ToText(source));
            Assert.Equal("<a />", SafeXml.ToText(new XElement("a")));
            Assert.Throws<ArgumentException>(() => SafeXml.ToText(new XElement("b", new XElement("c", "\u0001"))));
        }
    }

    [Theory]
    [InlineData("<domain/>")]
    [InlineData("<domain id='1' type='kvm'/>")]
    [InlineData("<domain><metadata><a/></metadata></domain>")]
    [InlineData("<?xml version='1.0'?><!-- c --><domain id='1' xmlns:q='urn:q'> <metadata>\n<a xmlns='urn:a'/></metadata>\n<name>x</name><metadata/><q:c q:a='b'/></domain> ")]
    [InlineData("<domain><name>x</name>text<devices><metadata/></devices></domain>")]
    public void A_definition_without_its_metadata_is_else_the_same(string xml)
    {
        var whole = SafeXml.Parse(xml);
        whole.Elements("metadata").Remove();
        var read = SafeXml.ParseWithoutMetadata(xml);
        Assert.Equal(whole.Attributes().Where(attribute => !attribute.IsNamespaceDeclaration).Select(attribute => $"{attribute}"), read.Attributes()
            .Select(attribute => $"{attribute}"));
        Assert.Equal(whole.Nodes(), read.Nodes(), XNode.EqualityComparer);
    }

    [Theory]
    [InlineData("<domain><name></domain>")]
    [InlineData("<domain><name/>")]
    [InlineData("<!DOCTYPE domain><domain/>")]
    public void A_broken_definition_is_refused_without_its_metadata_too(string xml) =>
        Assert.ThrowsAny<XmlException>(() => SafeXml.ParseWithoutMetadata(xml));
}
