using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace VirtSnapshot.Domains;

/// <summary>
/// A way to snapshot a disk, with the data it needs: the RFC's <c>&lt;diskSnapshot method='…'&gt;</c>. The content of the
/// element is kept unchanged, since each method has its own data.
/// </summary>
public sealed partial class DiskSnapshotMethod
{
    private const string ElementName = "diskSnapshot";

    private readonly XElement element;

    private DiskSnapshotMethod(string name, XElement element)
    {
        Name = name;
        this.element = element;
    }

    /// <summary>The method's name: <c>qemu</c>, <c>lvm</c> …</summary>
    public string Name { get; }

    /// <summary>The whole element, as text.</summary>
    public string Xml => element.ToString();

    /// <summary>Parses a method's name, or a whole element.</summary>
    /// <exception cref="VirtSnapshotException"><c>InvalidMethod</c> or <c>InvalidXml</c>.</exception>
    public static DiskSnapshotMethod Parse(string nameOrXml)
    {
        ArgumentNullException.ThrowIfNull(nameOrXml);
        return nameOrXml.AsSpan().TrimStart().StartsWith("<", StringComparison.Ordinal)
            ? FromElement(SafeXml.ParseUserElement(nameOrXml, ElementName))
            : FromElement(new XElement(ElementName, new XAttribute("method", RequireName(nameOrXml))));
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    internal static DiskSnapshotMethod FromElement(XElement element) =>
        new(RequireName((string?)element.Attribute("method") ?? ""), new XElement(element));

    /// <summary>The element inside a <c>&lt;disk&gt;</c>, as in the RFC.</summary>
    internal static DiskSnapshotMethod? FindInDisk(XElement disk) =>
        disk.Element(ElementName) is { } element ? FromElement(element) : null;

    /// <summary>The method of a disk in the domain's metadata.</summary>
    internal static DiskSnapshotMethod? FindIn(XElement domain, string target) =>
        MetadataRecord.Find(domain, MetadataUri.Method(target))?.Element(ElementName) is { } element ? FromElement(element) : null;

    internal XElement ToElement() => new(element);

    private static string RequireName(string name) => NamePattern().IsMatch(name)
        ? name
        : throw new VirtSnapshotException(
            FailureKind.InvalidArgument,
            "InvalidMethod",
            name,
            $"'{name}' is not a valid method name. Give a name such as 'qemu' (at most 32 lower-case letters, digits and '-', beginning with a letter), "
            + "or a whole <diskSnapshot method='…'> element.");

    [GeneratedRegex(@"^[a-z][a-z0-9-]{0,31}\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
