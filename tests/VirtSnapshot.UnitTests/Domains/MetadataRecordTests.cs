using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using Xunit;

namespace VirtSnapshot.UnitTests.Domains;

public sealed class MetadataRecordTests : IDisposable
{
    private const string Record = "urn:virtsnapshot:1:method:vda";

    private readonly TestNode node = new(TestNode.Domain("test"));
    private readonly LibvirtDomain native;

    public MetadataRecordTests() => native = LibvirtConnection.Open(node.Uri).LookupByName("test");

    private VmDomain Domain => DomainReader.Read(native);

    public void Dispose()
    {
        native.Dispose();
        node.Dispose();
    }

    [Theory]
    [InlineData("<r/>")]
    [InlineData("<r a='1' b='&lt;&amp;&quot;&apos;'>text &lt;&amp;&gt;</r>")]
    [InlineData("<r><a><b c='d'/></a></r>")]
    [InlineData("<r><!-- why --><a/></r>")]
    [InlineData("<r><![CDATA[a < b && c]]></r>")]
    [InlineData("<r>mixed <b>text</b> goes on</r>")]
    [InlineData("<r>ümläut \U0001F600</r>")]
    [InlineData("<r><f:x xmlns:f='urn:foreign' f:y='1'><f:z/></f:x></r>")]
    [InlineData("<r><x xmlns='urn:foreign'><z/></x></r>")]
    [InlineData("<r><x xmlns='urn:foreign'><z xmlns=''/></x></r>")]
    [InlineData("<r><f:x xmlns:f='urn:foreign'><z/></f:x></r>")]
    [InlineData("<r xmlns:f='urn:foreign' f:y='1'/>")]
    [InlineData("<r a='line&#10;break&#9;tab'/>")]
    [InlineData("<r><?run it?></r>")]
    public void A_record_comes_back_as_it_was_written(string xml)
    {
        MetadataRecord.Write(native, Domain, Record, XElement.Parse(xml));
        var found = MetadataRecord.Find(Domain.Root, Record);
        Assert.Equal(Infoset(XElement.Parse(xml)), Infoset(found!));
    }

    [Fact]
    public void Running_and_stored_definition_both_have_it()
    {
        MetadataRecord.Write(native, Domain, Record, XElement.Parse("<r/>"));
        Assert.Contains(Record, native.CurrentXml(), StringComparison.Ordinal);
        Assert.Contains(Record, native.StoredXml(), StringComparison.Ordinal);

        MetadataRecord.Delete(native, Domain, Record);
        Assert.DoesNotContain(Record, native.CurrentXml(), StringComparison.Ordinal);
        Assert.DoesNotContain(Record, native.StoredXml(), StringComparison.Ordinal);
    }

    [Fact]
    public void Records_do_not_touch_each_other_nor_those_of_other_programs()
    {
        native.SetMetadata("<other/>", "o", "urn:other", Definition.Live | Definition.Stored);
        MetadataRecord.Write(native, Domain, Record, XElement.Parse("<r>1</r>"));
        MetadataRecord.Write(native, Domain, "urn:virtsnapshot:1:method:vdb", XElement.Parse("<r>2</r>"));
        MetadataRecord.Write(native, Domain, Record, XElement.Parse("<r>3</r>"));
        Assert.Equal("3", (string?)MetadataRecord.Find(Domain.Root, Record));
        Assert.Equal("2", (string?)MetadataRecord.Find(Domain.Root, "urn:virtsnapshot:1:method:vdb"));
        Assert.NotNull(MetadataRecord.Find(Domain.Root, "urn:other"));
        Assert.Equal(2, MetadataRecord.FindAll(Domain.Root, "urn:virtsnapshot:1:").Count());

        MetadataRecord.Delete(native, Domain, Record);
        Assert.Null(MetadataRecord.Find(Domain.Root, Record));
        Assert.NotNull(MetadataRecord.Find(Domain.Root, "urn:other"));
    }

    [Fact]
    public void Deleting_what_is_not_there_is_fine() => MetadataRecord.Delete(native, Domain, Record);

    [Fact]
    public void All_records_together_stay_within_their_bound()
    {
        var half = new XElement("r", new string('x', MetadataRecord.MaxTotalBytes / 2));
        MetadataRecord.Write(native, Domain, Record, half);

        var error = Assert.Throws<VirtSnapshotException>(() => MetadataRecord.Write(native, Domain, "urn:virtsnapshot:1:method:vdb", half));
        Assert.Equal((FailureKind.QuotaExceeded, "MetadataFull"), (error.Kind, error.ErrorId));
        Assert.Null(MetadataRecord.Find(Domain.Root, "urn:virtsnapshot:1:method:vdb"));

        // Replacing a record does not count it twice.
        MetadataRecord.Write(native, Domain, Record, half);
    }

    [Fact]
    public void The_bound_is_in_bytes_not_in_characters() => Assert.Equal("MetadataFull", Assert.Throws<VirtSnapshotException>(
        () => MetadataRecord.Write(native, Domain, Record, new XElement("r", new string('ä', (MetadataRecord.MaxTotalBytes / 2) + 1)))).ErrorId);

    /// <summary>Names, attributes and content in order; not white space between elements, how namespaces are spelled, or which text was CDATA.</summary>
    private static string Infoset(XNode node) => node switch
    {
        XElement element => $"({element.Name} {string.Join(' ', element.Attributes().Where(a => !a.IsNamespaceDeclaration).OrderBy(a => a.Name.ToString(), StringComparer.Ordinal).Select(a => $"{a.Name}={a.Value}"))} {string.Concat(element.Nodes().Select(Infoset))})",
        XText text => string.IsNullOrWhiteSpace(text.Value) ? "" : text.Value,
        XComment comment => $"#{comment.Value}#",
        _ => node.ToString(),
    };
}
