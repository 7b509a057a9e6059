using System.Xml;
using System.Xml.Linq;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>What is kept about one disk's snapshot: where its data is read from, and what its method needs to know.</summary>
public sealed record SnapshotRecord(string Target, string Method, DiskSource Source, XElement Data)
{
    private const string BackupElement = "backup";
    private const string DataElement = "data";
    private const string ImageAttribute = "image";

    /// <summary>The disk.</summary>
    public string Target { get; internal init; } = Target;

    /// <summary>The method that made it.</summary>
    public string Method { get; internal init; } = Method;

    /// <summary>The backup source.</summary>
    public DiskSource Source { get; internal init; } = Source;

    /// <summary>The method's own data.</summary>
    public XElement Data { get; internal init; } = Data;

    /// <summary>The set that it belongs to, and the domain; null where the record does not say.</summary>
    public SetIdentity? Set { get; internal init; }

    /// <summary>The image that the disk wrote to when the snapshot was taken, as <see cref="DiskSource.ToString"/> names it.</summary>
    public string Image { get; internal init; } = "";

    /// <summary>The same record with a backup source that was made from what exists.</summary>
    public SnapshotRecord WithSource(DiskSource source) => this with { Source = source };

    /// <summary>Equal by content, the method's data included.</summary>
    public bool Equals(SnapshotRecord? other) => ReferenceEquals(this, other)
        || (other is not null && Target == other.Target && Set == other.Set && ToText() == other.ToText());

    /// <inheritdoc/>
    public override int GetHashCode() => ToText().GetHashCode(StringComparison.Ordinal);

    /// <summary>Whether both are of the same disk and method: in one set there is one such record, and a shield is of another method.</summary>
    public bool IsSameAs(SnapshotRecord other) => Target == other.Target && Method == other.Method;

    /// <summary>Reads a record.</summary>
    /// <param name="disk">The element.</param>
    /// <param name="set">The set that it belongs to.</param>
    /// <exception cref="FormatException">It is damaged. <see cref="IsDamage"/> tells what else a damaged element causes.</exception>
    internal static SnapshotRecord Read(XElement disk, SetIdentity? set)
    {
        var backup = disk.Element(BackupElement) ?? throw new FormatException("A snapshot record without <backup>.");
        if ((string?)backup.Attribute("type") is { } type)
        {
            _ = EnumName.Parse<DiskSourceType>(type, ignoreCase: true);
        }

        // In a record, unlike in an element given by a user, an invalid index is damage.
        _ = (int?)backup.Element("source")?.Attribute("index");

        return new SnapshotRecord(
            (string?)disk.Attribute("target") ?? "",
            (string?)disk.Attribute("method") ?? "",
            DiskSource.Read(backup, (string?)backup.Attribute("format"), (_, _) => (string?)backup.Attribute("path")),
            disk.Element(DataElement)?.Elements().FirstOrDefault() ?? new XElement("none"))
        {
            Set = set,
            Image = (string?)disk.Attribute(ImageAttribute) ?? "",
        };
    }

    /// <summary>Whether an exception means that a record could not be read.</summary>
    internal static bool IsDamage(Exception e) => e is FormatException or ArgumentException or OverflowException or XmlException or VirtSnapshotException;

    internal XElement ToElement()
    {
        var backup = new XElement(
            BackupElement,
            new XAttribute("type", Source.Type.ToString().ToLowerInvariant()),
            Source.Format is null ? null : new XAttribute("format", Source.Format),
            Source.Path is null ? null : new XAttribute("path", Source.Path));
        if (Source.Xml.Length > 0)
        {
            backup.Add(SafeXml.Parse(Source.Xml));
        }

        return new XElement(
            "disk",
            new XAttribute("target", Target),
            new XAttribute("method", Method),
            new XAttribute(ImageAttribute, Image),
            backup,
            new XElement(DataElement, Data));
    }

    private string ToText() => ToElement().ToString(SaveOptions.DisableFormatting);

    /// <summary>The error for a record of another domain or image, or of an object that the module did not create.</summary>
    /// <param name="domain">The domain that has it.</param>
    /// <param name="why">Why, as the end of a sentence; also the message of the inner exception.</param>
    public VirtSnapshotException ToForeign(VmDomain domain, string why) => new(
        FailureKind.InvalidOperation,
        "SnapshotForeign",
        domain,
        $"The record of snapshot '{Set?.Name}' of disk '{Target}' in the metadata of domain '{domain.Name}' does not belong to this domain: {why}. "
        + "Nothing was touched. Remove-DiskSnapshot deletes only the record.",
        new InvalidDataException(why));
}
