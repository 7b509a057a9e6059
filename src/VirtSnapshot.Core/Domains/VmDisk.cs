using System.Xml.Linq;

namespace VirtSnapshot.Domains;

/// <summary>One <c>&lt;disk&gt;</c> of a domain.</summary>
public sealed record VmDisk
{
    /// <summary>The domain's name.</summary>
    public string Domain { get; internal init; } = "";

    /// <summary>The domain's UUID.</summary>
    public Guid DomainUuid { get; internal init; }

    /// <summary>The libvirt URI of the domain.</summary>
    public string Uri { get; internal init; } = "";

    /// <summary>The disk's target: <c>vda</c>.</summary>
    public string Target { get; internal init; } = "";

    /// <summary>The bus: <c>virtio</c>, <c>scsi</c>, <c>sata</c> …</summary>
    public string? Bus { get; internal init; }

    /// <summary><c>disk</c>, <c>cdrom</c>, <c>floppy</c> or <c>lun</c>.</summary>
    public string Device { get; internal init; } = "";

    /// <summary>The source that the disk's writes currently go to.</summary>
    public DiskSource Source { get; internal init; } = DiskSource.None;

    /// <summary>The image format of the source, as libvirt names it.</summary>
    public string? Format => Source.Format;

    /// <summary>The cache mode; null for the hypervisor's default.</summary>
    public string? Cache { get; internal init; }

    /// <summary>Whether it is read-only for the guest.</summary>
    public bool IsReadOnly { get; internal init; }

    /// <summary>Whether several domains may write it at the same time.</summary>
    public bool IsShareable { get; internal init; }

    /// <summary>The layers below the source, the nearest first. Empty if libvirt does not report them (a shut-off domain).</summary>
    public IReadOnlyList<DiskSource> BackingChain { get; internal init; } = [];

    /// <summary>The serial number that the guest sees.</summary>
    public string? Serial { get; internal init; }

    /// <summary>The method configured for this disk; null if the default applies.</summary>
    public DiskSnapshotMethod? Method { get; internal init; }

    /// <summary>The <c>&lt;disk&gt;</c> element, with its <c>&lt;diskSnapshot&gt;</c> if one is configured.</summary>
    public string Xml { get; internal init; } = "";

    /// <summary>Whether the disk's writes are discarded when the domain stops.</summary>
    internal bool IsTransient { get; init; }

    /// <summary>Whether the definition excludes the disk from snapshots (<c>snapshot='no'</c>).</summary>
    internal bool IsLeftOutByDefault { get; init; }

    /// <summary>
    /// Whether a libvirt secret is needed to open the image or one of its backing images. The definition of a shut-off domain may lack the backing
    /// images: see <c>DiskContext.IsEncrypted</c>.
    /// </summary>
    internal bool IsEncrypted { get; init; }

    /// <summary>Whether a copy or commit job has not ended: libvirt shows it as <c>&lt;mirror&gt;</c>.</summary>
    internal bool HasMirror { get; init; }

    /// <summary>The path that the job writes to; for a commit, the layer that it commits into.</summary>
    internal string? MirrorTarget { get; init; }

    /// <summary>Whether the job can be pivoted. The job's counters do not show this.</summary>
    internal bool IsMirrorReady { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Domain}/{Target}";

    /// <summary>Why no method can snapshot this disk, as a clause; null if one may.</summary>
    internal string? WhyNotSnapshottable() => this switch
    {
        { Device: "cdrom" or "floppy" or "lun" } => Device == "lun"
            ? "it is a LUN passed through to the guest (device='lun')"
            : $"it is a {Device}",
        { IsReadOnly: true } => "it is read-only",
        { IsShareable: true } => "it is shareable: other domains may write to it",
        { IsTransient: true } => "it is transient: its writes are discarded when the domain stops",
        { Source: { Type: DiskSourceType.None, Xml.Length: > 0 } } =>
            $"its source is of the type '{(string?)SafeXml.Parse(Xml).Attribute("type")}', which no method supports",
        { Source.Type: DiskSourceType.None } => "it has no source",
        _ => null,
    };

    /// <summary>The disk after a snapshot: its XML contains the method of the snapshot, also if none is configured.</summary>
    internal VmDisk ShowingMethod(string method)
    {
        if (Method is not null)
        {
            return this;
        }

        var shown = SafeXml.Parse(Xml);
        shown.Add(DiskSnapshotMethod.Parse(method).ToElement());
        return this with { Xml = shown.ToString() };
    }

    internal static VmDisk Read(
        XElement disk, VmDomain domain, DiskSnapshotMethod? method, Func<string, string, string?> volumePath)
    {
        var driver = disk.Element("driver");
        var shown = new XElement(disk);
        if (method is not null)
        {
            shown.Add(method.ToElement());
        }

        return new VmDisk
        {
            Domain = domain.Name,
            DomainUuid = domain.Uuid,
            Uri = domain.Uri,
            Target = (string?)disk.Element("target")?.Attribute("dev") ?? "",
            Bus = (string?)disk.Element("target")?.Attribute("bus"),
            Device = (string?)disk.Attribute("device") ?? "disk",
            Source = DiskSource.Read(disk, (string?)driver?.Attribute("type"), volumePath),
            Cache = (string?)driver?.Attribute("cache"),
            IsReadOnly = disk.Element("readonly") is not null,
            IsShareable = disk.Element("shareable") is not null,
            IsTransient = disk.Element("transient") is not null,
            IsLeftOutByDefault = (string?)disk.Attribute("snapshot") == "no",
            IsEncrypted = disk.Descendants("encryption").Any(),
            HasMirror = disk.Element("mirror") is not null,
            MirrorTarget = disk.Element("mirror") is { } mirror ? DiskSource.Read(mirror, null, volumePath).Path : null,
            IsMirrorReady = (string?)disk.Element("mirror")?.Attribute("ready") == "yes",
            BackingChain = ReadChain(disk, volumePath),
            Serial = (string?)disk.Element("serial"),
            Method = method,
            Xml = shown.ToString(),
        };
    }

    private static List<DiskSource> ReadChain(XElement disk, Func<string, string, string?> volumePath)
    {
        var chain = new List<DiskSource>();
        for (var layer = disk.Element("backingStore"); layer?.Element("source") is not null; layer = layer.Element("backingStore"))
        {
            chain.Add(DiskSource.Read(layer, (string?)layer.Element("format")?.Attribute("type"), volumePath));
        }

        return chain;
    }
}
