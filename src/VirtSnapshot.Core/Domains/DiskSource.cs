using System.Globalization;
using System.Xml.Linq;

namespace VirtSnapshot.Domains;

/// <summary>The location of a disk's data: a <c>&lt;source&gt;</c> element of libvirt's disk XML, with the attributes that belong to it.</summary>
public sealed record DiskSource
{
    /// <summary>The kind of source.</summary>
    public DiskSourceType Type { get; internal init; }

    /// <summary>The path of the file or device on the hypervisor's host; for a volume, the path that libvirt resolves it to. Null for network disks.</summary>
    public string? Path { get; internal init; }

    /// <summary>The image format (<c>raw</c>, <c>qcow2</c>), as libvirt names it. Null if the XML does not contain it.</summary>
    public string? Format { get; internal init; }

    /// <summary>The protocol of a network disk.</summary>
    public string? Protocol { get; internal init; }

    /// <summary>The name of a network disk's image, or <c>pool/volume</c>.</summary>
    public string? Name { get; internal init; }

    /// <summary>
    /// The name of a snapshot inside the image; null for the current content of the image. Read it with
    /// <c>qemu-img convert -l snapshot.name=NAME</c>, <c>rbd export POOL/IMAGE@NAME</c>.
    /// </summary>
    public string? Snapshot { get; internal init; }

    /// <summary>The <c>&lt;source&gt;</c> element, as text.</summary>
    public string Xml { get; internal init; } = "";

    /// <summary>libvirt's index of this layer in the chain of an active domain: <c>vda[3]</c>. Null if the domain is not active.</summary>
    internal int? Index { get; init; }

    /// <summary>No source, as for an empty drive.</summary>
    internal static DiskSource None { get; } = new() { Type = DiskSourceType.None, Xml = "" };

    /// <summary>Whether a libvirt secret is needed to open it.</summary>
    internal bool IsEncrypted => Xml.Length > 0 && SafeXml.Parse(Xml).Element("encryption") is not null;

    /// <summary>Whether it is a file or device with a path on the host.</summary>
    internal bool HasPath => Path is not null;

    /// <inheritdoc/>
    public override string ToString() => (Path ?? (Protocol is null ? Name ?? "" : $"{Protocol}:{Name}")) + (Snapshot is null ? "" : $"@{Snapshot}");

    /// <summary>Whether both refer to the same data.</summary>
    internal bool IsSameAs(DiskSource? other) => other is not null && Snapshot == other.Snapshot && (Path is not null
        ? Path == other.Path
        : Type != DiskSourceType.None && Type == other.Type && Protocol == other.Protocol && Name == other.Name && Hosts() == other.Hosts());

    /// <summary>A file or a block device of the hypervisor's host.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="format">The image format, as libvirt names it; null if it is not known.</param>
    /// <param name="isBlockDevice">Whether it is a block device.</param>
    public static DiskSource ForPath(string path, string? format, bool isBlockDevice) => new()
    {
        Type = isBlockDevice ? DiskSourceType.Block : DiskSourceType.File,
        Path = path,
        Format = format,
        Xml = SafeXml.ToText(new XElement("source", new XAttribute(isBlockDevice ? "dev" : "file", path))),
    };

    /// <summary>A volume of a libvirt storage pool, with its path.</summary>
    internal static DiskSource ForVolume(string pool, string volume, string path, string format) => new()
    {
        Type = DiskSourceType.Volume,
        Path = path,
        Name = $"{pool}/{volume}",
        Format = format,
        Xml = SafeXml.ToText(new XElement("source", new XAttribute("pool", pool), new XAttribute("volume", volume))),
    };

    /// <summary>A snapshot inside an image. libvirt accepts the element <c>&lt;snapshot&gt;</c> for network disks only; for a file it is informative.</summary>
    internal static DiskSource ForSnapshotInside(string path, string format, bool isBlockDevice, string snapshot)
    {
        var image = ForPath(path, format, isBlockDevice);
        var xml = SafeXml.Parse(image.Xml);
        xml.Add(new XElement("snapshot", new XAttribute("name", snapshot)));
        return image with { Snapshot = snapshot, Xml = SafeXml.ToText(xml) };
    }

    /// <summary>Parses the source of a <c>&lt;disk&gt;</c> or a <c>&lt;backingStore&gt;</c>, whose type is an attribute of the parent.</summary>
    internal static DiskSource Read(XElement holder, string? format, Func<string, string, string?> volumePath)
    {
        var source = holder.Element("source");
        if (source is null)
        {
            return None with { Format = format };
        }

        string? Value(string name) => (string?)source.Attribute(name);
        var type = EnumName.TryParse<DiskSourceType>((string?)holder.Attribute("type"), ignoreCase: true) ?? DiskSourceType.None;
        return new DiskSource
        {
            Type = type,
            Format = format,
            Protocol = Value("protocol"),
            Name = type == DiskSourceType.Volume ? $"{Value("pool")}/{Value("volume")}" : Value("name"),
            Path = type switch
            {
                DiskSourceType.File => Value("file"),
                DiskSourceType.Block => Value("dev"),
                DiskSourceType.Dir => Value("dir"),
                DiskSourceType.Volume => volumePath(Value("pool") ?? "", Value("volume") ?? ""),
                _ => null,
            },
            Snapshot = (string?)source.Element("snapshot")?.Attribute("name"),
            Index = Number(source.Attribute("index")) ?? Number(holder.Attribute("index")),
            Xml = SafeXml.ToText(WithoutRunState(source)),
        };
    }

    /// <summary>Null if it is not a number, as may be in an element given by a user.</summary>
    private static int? Number(XAttribute? attribute) =>
        int.TryParse(attribute?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>The servers of a network disk: different servers may have exports of the same name.</summary>
    private string Hosts() => Xml.Length == 0
        ? ""
        : string.Join(
            ' ',
            SafeXml.Parse(Xml)
                .Elements("host")
                .Select(host => $"{(string?)host.Attribute("name")}:{(string?)host.Attribute("port")}:{(string?)host.Attribute("socket")}"));

    /// <summary>The index of a layer is valid only until the domain stops, and is no property of the source.</summary>
    private static XElement WithoutRunState(XElement source)
    {
        var copy = new XElement(source);
        copy.Attribute("index")?.Remove();
        return copy;
    }
}
