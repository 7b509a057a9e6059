using System.Xml.Linq;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>One snapshot of a volume, planned or taken: all that its method needs to find it again.</summary>
/// <param name="Volume">The volume.</param>
/// <param name="Name">The snapshot's name in its own tools: <c>vg/lv-snapshot</c>, <c>tank/vms@…</c>, a path.</param>
/// <param name="At">
/// The path of its content: for a volume with a root the directory that corresponds to the root, else the device's or file's own path.
/// </param>
/// <param name="Details">Further values of the method; names are valid in XML attributes.</param>
internal sealed record VolumeSnapshot(Volume Volume, string Name, string At, IReadOnlyDictionary<string, string> Details)
{
    private const string ElementName = "volumeSnapshot";

    public static VolumeSnapshot Read(SnapshotRecord record)
    {
        var element = record.Data.Name == ElementName
            ? record.Data
            : throw Damaged(record.Source, $"it is of method '{record.Method}' and has no <{ElementName}>");
        string Value(string name) => (string?)element.Attribute(name) ?? throw Damaged(record.Source, $"<{ElementName}> has no '{name}'");
        return new VolumeSnapshot(
            new Volume(Value("volume"), (string?)element.Attribute("root")),
            Value("name"),
            Value("at"),
            element.Elements("detail")
                .DistinctBy(DetailName)
                .ToDictionary(DetailName, detail => (string?)detail.Attribute("value") ?? "", StringComparer.Ordinal));

        static string DetailName(XElement detail) => (string?)detail.Attribute("name") ?? "";
    }

    public XElement ToElement() => new(
        ElementName,
        new XAttribute("volume", Volume.Name),
        Volume.Root is null ? null : new XAttribute("root", Volume.Root),
        new XAttribute("name", Name),
        new XAttribute("at", At),
        Details.Select(detail => new XElement("detail", new XAttribute("name", detail.Key), new XAttribute("value", detail.Value))));

    /// <summary>Records are stored in the domain's metadata, which other users may write.</summary>
    public static VirtSnapshotException Damaged(object target, string why) => new(
        FailureKind.InvalidData,
        "CatalogDamaged",
        target,
        $"The record of the snapshot '{target}' is invalid: {why}. It is ignored. 'virsh metadata' shows it.");

    /// <summary>One of <see cref="Details"/>.</summary>
    public string Detail(string name) => Details.GetValueOrDefault(name) ?? throw Damaged(Name, $"it has no '{name}'");

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>The path in the snapshot of a file of the volume.</summary>
    /// <param name="file">The file's path in the volume, all links resolved.</param>
    public string PathOf(string file) => Volume.Root is { } root ? Path.Combine(At, Path.GetRelativePath(root, file)) : At;
}

/// <summary>What a storage method snapshots as a whole: a logical volume, a subvolume, a dataset, a file.</summary>
/// <param name="Name">The name in its own tools: <c>vg/lv</c>, <c>tank/vms</c>, a path.</param>
/// <param name="Root">The directory where its files are, all links resolved; null where the volume itself is the disk.</param>
internal sealed record Volume(string Name, string? Root);
