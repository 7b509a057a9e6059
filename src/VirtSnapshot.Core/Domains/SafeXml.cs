using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace VirtSnapshot.Domains;

/// <summary>Parses XML safely: without DTD, custom entities and external resources, and with a size limit.</summary>
internal static class SafeXml
{
    /// <summary>The maximum length of an element given by a user, in characters.</summary>
    public const int MaxUserElement = 64 * 1024;

    /// <summary>The maximum length of a domain's definition, in characters. libvirt has no limit; this one protects against a hostile hypervisor.</summary>
    public const int MaxDomain = 16 * 1024 * 1024;

    /// <summary>The maximum nesting, as in libvirt. .NET copies elements recursively, so deep nesting would overflow the stack.</summary>
    private const int MaxDepth = 256;

    /// <summary>The buffers of a writer are many times larger than most elements, so each thread reuses one writer.</summary>
    [ThreadStatic]
    private static (StringBuilder Text, XmlWriter Writer)? fragments;

    /// <exception cref="XmlException">It is not well-formed, contains a DTD, or is too long.</exception>
    public static XElement Parse(string xml) => Parse(xml, MaxDomain, ignoreWhitespace: true);

    /// <summary>The same text as <see cref="XNode.ToString(SaveOptions)"/> makes with <see cref="SaveOptions.DisableFormatting"/>.</summary>
    public static string ToText(XElement element)
    {
        var (text, writer) = fragments ?? NewFragments();

        // A writer that has failed cannot be used again.
        fragments = null;
        element.WriteTo(writer);
        writer.Flush();
        var result = text.ToString();
        text.Clear();
        fragments = (text, writer);
        return result;
    }

    private static (StringBuilder Text, XmlWriter Writer) NewFragments()
    {
        var text = new StringBuilder();
        return (text, XmlWriter.Create(text, new XmlWriterSettings { OmitXmlDeclaration = true, ConformanceLevel = ConformanceLevel.Fragment }));
    }

    /// <summary>A domain's definition without its metadata, which may be many times as long as the rest.</summary>
    /// <exception cref="XmlException">As of <see cref="Parse(string)"/>.</exception>
    public static XElement ParseWithoutMetadata(string xml)
    {
        using var reader = Open(xml, MaxDomain, ignoreWhitespace: true);
        reader.MoveToContent();
        var root = new XElement(reader.LocalName);

        // Namespace declarations are not needed: names are compared by namespace, not by prefix.
        while (reader.MoveToNextAttribute())
        {
            if (reader.NamespaceURI.Length == 0)
            {
                root.SetAttributeValue(reader.LocalName, reader.Value);
            }
        }

        reader.Read();
        while (reader is { EOF: false, Depth: > 0 })
        {
            if (reader.LocalName == "metadata")
            {
                reader.Skip();
            }
            else
            {
                root.Add(XNode.ReadFrom(reader));
            }
        }

        return root;
    }

    private static XElement Parse(string xml, int maxCharacters, bool ignoreWhitespace)
    {
        using var reader = Open(xml, maxCharacters, ignoreWhitespace);
        return XElement.Load(reader);
    }

    private static XmlReader Open(string xml, int maxCharacters, bool ignoreWhitespace)
    {
        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersInDocument = maxCharacters,
            IgnoreWhitespace = ignoreWhitespace,
        };
        return XmlReader.Create(new StringReader(xml), settings);
    }

    /// <summary>Parses an element given by a user, which must have the given name.</summary>
    /// <exception cref="VirtSnapshotException"><c>InvalidXml</c>: it is not well-formed, exceeds a limit, or has another name.</exception>
    public static XElement ParseUserElement(string xml, string name)
    {
        XElement element;
        try
        {
            element = Parse(xml, MaxUserElement, ignoreWhitespace: false);
            if (element.DescendantsAndSelf().Any(inner => !inner.HasElements && inner.Ancestors().Skip(MaxDepth).Any()))
            {
                throw new XmlException($"Its elements are nested more than {MaxDepth} levels deep.");
            }
        }
        catch (XmlException e)
        {
            throw Invalid(
                xml,
                $"The XML given as <{name}> cannot be parsed: {e.Message} "
                + $"Give one well-formed <{name}> element without a DTD, of at most {MaxUserElement} characters.",
                e);
        }

        var space = element.Name.NamespaceName.Length == 0 ? "" : $" in the namespace '{element.Name.NamespaceName}'";
        return element.Name == name
            ? element
            : throw Invalid(xml, $"A <{name}> element is needed, but the given XML is a <{element.Name.LocalName}>{space}.");
    }

    private static VirtSnapshotException Invalid(string xml, string message, Exception? inner = null) =>
        new(FailureKind.InvalidArgument, "InvalidXml", xml.Length <= 200 ? xml : xml[..200] + "…", message, inner);
}
