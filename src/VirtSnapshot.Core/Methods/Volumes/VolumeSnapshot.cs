using System.Xml.Linq;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>One snapshot of a volume, planned or made: all that its driver needs to find it again.</summary>
/// <param name="Volume">The volume.</param>
/// <param name="Name">The snapshot, as its own tools name it: <c>vg/lv-snapshot</c>, <c>tank/vms@…</c>, a path.</param>
/// <param name="At">
/// Where its content is found: of a volume with a root the directory that stands for it, else the device's or file's own path.
/// </param>
/// <param name="Details">What else the driver wants to keep; names are fit for XML attributes.</param>
internal sealed record VolumeSnapshot(Volume Volume, string Name, string At, IReadOnlyDictionary<string, string> Details)
{
    private const string ElementName = "volumeSnapshot";

    public static VolumeSnapshot Read(SnapshotRecord record)
    {
        var element = record.Data.Name == ElementName ? record.Data : throw Damaged(record.Source, $"it is of method '{record.Method}' and has no <{ElementName}>");
        string Value(string name) => (string?)element.Attribute(name) ?? throw Damaged(record.Source, $"<{ElementName}> has no '{name}'");
        return new VolumeSnapshot(
            new Volume(Value("volume"), (string?)element.Attribute("root")),
            Value("name"),
            Value("at"),
            element.Elements("detail").DistinctBy(detail => (string?)detail.Attribute("name") ?? "").ToDictionary(detail => (string?)detail.Attribute("name") ?? "", detail => (string?)detail.Attribute("value") ?? "", StringComparer.Ordinal));
    }

    public XElement ToElement() => new(
        ElementName,
        new XAttribute("volume", Volume.Name),
        Volume.Root is null ? null : new XAttribute("root", Volume.Root),
        new XAttribute("name", Name),
        new XAttribute("at", At),
        Details.Select(detail => new XElement("detail", new XAttribute("name", detail.Key), new XAttribute("value", detail.Value))));

    /// <summary>Records are kept where others can write, too.</summary>
    public static VirtSnapshotException Damaged(object target, string why) => new(
        FailureKind.InvalidData,
        "CatalogDamaged",
        target,
        $"The record of the snapshot '{target}' makes no sense: {why}. Nothing is done with it. 'virsh metadata' shows it.");

    /// <summary>One of <see cref="Details"/>.</summary>
    public string Detail(string name) => Details.GetValueOrDefault(name) ?? throw Damaged(Name, $"it has no '{name}'");

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Where a file of the volume is found in the snapshot.</summary>
    /// <param name="file">The file's path in the volume, all links resolved.</param>
    public string PathOf(string file) => Volume.Root is { } root ? Path.Combine(At, Path.GetRelativePath(root, file)) : At;
}
