using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace VirtSnapshot.Domains;

/// <summary>
/// A way to snapshot a disk, with the data it needs: the RFC's <c>&lt;diskSnapshot method='…'&gt;</c>. What we do not
/// understand in the element is kept as it was: each method has its own data.
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

    /// <summary>Reads a method's name, or a whole element.</summary>
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

    /// <summary>The element inside a <c>&lt;disk&gt;</c>, where the RFC puts it.</summary>
    internal static DiskSnapshotMethod? FindInDisk(XElement disk) =>
        disk.Element(ElementName) is { } element ? FromElement(element) : null;

    /// <summary>The method that the domain's metadata holds for a disk.</summary>
    internal static DiskSnapshotMethod? FindIn(XElement domain, string target) =>
        MetadataRecord.Find(domain, MetadataUri.Method(target))?.Element(ElementName) is { } element ? FromElement(element) : null;

    internal XElement ToElement() => new(element);

    private static string RequireName(string name) => NamePattern().IsMatch(name)
        ? name
        : throw new VirtSnapshotException(
            FailureKind.InvalidArgument,
            "InvalidMethod",
            name,
            $"'{name}' is not a method's name: lower-case letters, digits and '-', at most 32 of them, a letter first. "
            + "Give a name such as 'qemu', or a whole <diskSnapshot method='…'> element.");

    [GeneratedRegex(@"^[a-z][a-z0-9-]{0,31}\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
