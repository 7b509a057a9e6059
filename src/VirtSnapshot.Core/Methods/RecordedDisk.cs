using System.Xml.Linq;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>What is kept about one disk's snapshot: where its data is read from, and what its method needs to know.</summary>
/// <param name="Target">The disk.</param>
/// <param name="Method">The method that made it.</param>
/// <param name="Source">The backup source.</param>
/// <param name="Data">The method's own data.</param>
internal sealed record RecordedDisk(string Target, string Method, DiskSource Source, XElement Data)
{
    private const string BackupElement = "backup";
    private const string DataElement = "data";

    /// <summary>Whether both are of the same disk and method: in one set there is one such record, and a shield is of another method.</summary>
    public bool IsSameAs(RecordedDisk other) => Target == other.Target && Method == other.Method;

    public static RecordedDisk Read(XElement disk)
    {
        var backup = disk.Element(BackupElement) ?? throw new FormatException("A snapshot record without <backup>.");
        return new RecordedDisk(
            (string?)disk.Attribute("target") ?? "",
            (string?)disk.Attribute("method") ?? "",
            DiskSource.Read(backup, (string?)backup.Attribute("format"), (_, _) => (string?)backup.Attribute("path")),
            disk.Element(DataElement)?.Elements().FirstOrDefault() ?? new XElement("none"));
    }

    public XElement ToElement()
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
            "disk", new XAttribute("target", Target), new XAttribute("method", Method), backup, new XElement(DataElement, Data));
    }
}
