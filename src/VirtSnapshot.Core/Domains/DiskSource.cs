using System.Globalization;
using System.Xml.Linq;

namespace VirtSnapshot.Domains;

/// <summary>Where a disk's data lies: a <c>&lt;source&gt;</c> element of libvirt's disk XML, with what belongs to it.</summary>
public sealed record DiskSource
{
    /// <summary>What kind of thing it is.</summary>
    public DiskSourceType Type { get; internal init; }

    /// <summary>The file's or device's path on the hypervisor's host; of a volume, the path it was translated to. Null for network disks.</summary>
    public string? Path { get; internal init; }

    /// <summary>The image format (<c>raw</c>, <c>qcow2</c>), as libvirt names it. Null where the XML does not say.</summary>
    public string? Format { get; internal init; }

    /// <summary>The protocol of a network disk.</summary>
    public string? Protocol { get; internal init; }

    /// <summary>The name of a network disk's image, or <c>pool/volume</c>.</summary>
    public string? Name { get; internal init; }

    /// <summary>
    /// The name of the snapshot inside the image that is meant, where it is not the image as it is now: <c>qemu-img convert -l snapshot.name=NAME</c>,
    /// <c>rbd export POOL/IMAGE@NAME</c>.
    /// </summary>
    public string? Snapshot { get; internal init; }

    /// <summary>The <c>&lt;source&gt;</c> element, as text.</summary>
    public string Xml { get; internal init; } = "";

    /// <summary>libvirt's number of this layer in the running chain: <c>vda[3]</c>. Null for a domain that does not run.</summary>
    internal int? Index { get; init; }

    /// <summary>No source at all, as of an empty drive.</summary>
    internal static DiskSource None { get; } = new() { Type = DiskSourceType.None, Xml = "" };

    /// <summary>Whether only a secret of libvirt opens it.</summary>
    internal bool IsEncrypted => Xml.Length > 0 && SafeXml.Parse(Xml).Element("encryption") is not null;

    /// <summary>A file or device that this host can name by a path.</summary>
    internal bool HasPath => Path is not null;

    /// <inheritdoc/>
    public override string ToString() => (Path ?? (Protocol is null ? Name ?? "" : $"{Protocol}:{Name}")) + (Snapshot is null ? "" : $"@{Snapshot}");

    /// <summary>Whether both name the same data.</summary>
    internal bool IsSameAs(DiskSource? other) => other is not null && Snapshot == other.Snapshot && (Path is not null
        ? Path == other.Path
        : Type != DiskSourceType.None && Type == other.Type && Protocol == other.Protocol && Name == other.Name && Hosts() == other.Hosts());

    /// <summary>A file or a block device, as the XML of a disk would name it.</summary>
    internal static DiskSource ForPath(string path, string? format, bool isBlockDevice) => new()
    {
        Type = isBlockDevice ? DiskSourceType.Block : DiskSourceType.File,
        Path = path,
        Format = format,
        Xml = new XElement("source", new XAttribute(isBlockDevice ? "dev" : "file", path)).ToString(),
    };

    /// <summary>A volume of one of libvirt's storage pools, and the path behind it.</summary>
    internal static DiskSource ForVolume(string pool, string volume, string path, string format) => new()
    {
        Type = DiskSourceType.Volume,
        Path = path,
        Name = $"{pool}/{volume}",
        Format = format,
        Xml = new XElement("source", new XAttribute("pool", pool), new XAttribute("volume", volume)).ToString(),
    };

    /// <summary>A snapshot inside an image. libvirt has the element <c>&lt;snapshot&gt;</c> for network disks only: of a file it is for readers.</summary>
    internal static DiskSource ForSnapshotInside(string path, string format, bool isBlockDevice, string snapshot)
    {
        var image = ForPath(path, format, isBlockDevice);
        var xml = SafeXml.Parse(image.Xml);
        xml.Add(new XElement("snapshot", new XAttribute("name", snapshot)));
        return image with { Snapshot = snapshot, Xml = xml.ToString(SaveOptions.DisableFormatting) };
    }

    /// <summary>Reads the source of a <c>&lt;disk&gt;</c> or a <c>&lt;backingStore&gt;</c>; both carry the type outside the element.</summary>
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
            Xml = WithoutRunState(source).ToString(SaveOptions.DisableFormatting),
        };
    }

    /// <summary>Null where it is none, as in an element that a user has typed.</summary>
    private static int? Number(XAttribute? attribute) =>
        int.TryParse(attribute?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>The servers of a network disk: exports of one name, or of none, may lie on many.</summary>
    private string Hosts() => Xml.Length == 0
        ? ""
        : string.Join(' ', SafeXml.Parse(Xml).Elements("host").Select(host => $"{(string?)host.Attribute("name")}:{(string?)host.Attribute("port")}:{(string?)host.Attribute("socket")}"));

    /// <summary>The numbers of layers and nodes belong to this one run of the domain, not to the source.</summary>
    private static XElement WithoutRunState(XElement source)
    {
        var copy = new XElement(source);
        copy.Attribute("index")?.Remove();
        return copy;
    }
}
