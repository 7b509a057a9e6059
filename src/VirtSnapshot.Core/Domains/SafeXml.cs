using System.Xml;
using System.Xml.Linq;

namespace VirtSnapshot.Domains;

/// <summary>The one way in which XML is read here: no DTD, no entities of its own, no external resource, bounded size.</summary>
internal static class SafeXml
{
    /// <summary>An element that a user typed has no reason to be longer, in characters.</summary>
    public const int MaxUserElement = 64 * 1024;

    /// <summary>libvirt itself has no bound; this one keeps a hostile hypervisor from filling our memory, in characters.</summary>
    public const int MaxDomain = 16 * 1024 * 1024;

    /// <summary>As in libvirt. .NET copies an element by recursion, which has an end with the stack.</summary>
    private const int MaxDepth = 256;

    /// <exception cref="XmlException">Not well-formed, holds a DTD, or is too long.</exception>
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

    /// <summary>Reads an element that a user typed, and insists on its name.</summary>
    /// <exception cref="VirtSnapshotException"><c>InvalidXml</c>: not well-formed, hostile, or another element.</exception>
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
            throw Invalid(xml, $"The XML given as <{name}> cannot be read: {e.Message} Give one well-formed <{name}> element without a DTD, of at most {MaxUserElement} characters.", e);
        }

        return element.Name == name
            ? element
            : throw Invalid(xml, $"A <{name}> element is needed, but the XML given is a <{element.Name.LocalName}>{(element.Name.NamespaceName.Length == 0 ? "" : $" in the namespace '{element.Name.NamespaceName}'")}.");
    }

    private static VirtSnapshotException Invalid(string xml, string message, Exception? inner = null) =>
        new(FailureKind.InvalidArgument, "InvalidXml", xml.Length <= 200 ? xml : xml[..200] + "…", message, inner);
}
