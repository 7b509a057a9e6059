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

    /// <exception cref="XmlException">It is not well-formed, contains a DTD, or is too long.</exception>
    public static XElement Parse(string xml) => Parse(xml, MaxDomain, ignoreWhitespace: true);

    private static XElement Parse(string xml, int maxCharacters, bool ignoreWhitespace)
    {
        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersInDocument = maxCharacters,
            IgnoreWhitespace = ignoreWhitespace,
        };
        using var reader = XmlReader.Create(new StringReader(xml), settings);
        return XElement.Load(reader);
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
