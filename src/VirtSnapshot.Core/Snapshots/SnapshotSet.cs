using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>All disks of one domain that were snapshotted at one moment: one record in the domain's metadata.</summary>
/// <param name="Group">The set's identity.</param>
/// <param name="Name">The snapshot's name.</param>
/// <param name="CreatedAt">When it was taken.</param>
/// <param name="FreezeWindow">How long the guest was frozen; null where it was not.</param>
/// <param name="Disks">Its disks.</param>
internal sealed record SnapshotSet(
    Guid Group, SnapshotName Name, DateTimeOffset CreatedAt, TimeSpan? FreezeWindow, IReadOnlyList<SetDisk> Disks)
{
    /// <summary>The domain's UUID; null where the record has none.</summary>
    public SetIdentity? Identity { get; init; }

    /// <summary>What is kept of the domain beside its disks: see <see cref="SetFolder"/>.</summary>
    public IReadOnlyList<KeptCopy> Kept { get; init; } = [];

    /// <summary>The domain's definition of that time, which is not in the record: see <see cref="SetFolder.WithDefinition"/>.</summary>
    public string? Definition { get; init; }

    /// <summary>The URI that the record is kept under, which need not be the right one.</summary>
    public string Uri { get; init; } = MetadataUri.Set(Group);

    public static SnapshotSet Read(string uri, XElement set)
    {
        RecordFormat.Require(set);
        var identity = SetIdentity.Read(set);
        var groups = set.Elements("disk").GroupBy(disk => (Target: (string?)disk.Attribute("target"), (string?)disk.Attribute("method")));
        if (groups.FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new FormatException($"It has disk '{twice.Key.Target}' twice.");
        }

        return new SnapshotSet(
            Guid.Parse((string?)set.Attribute("group") ?? ""),
            SnapshotName.Parse((string?)set.Attribute("name") ?? ""),
            DateTimeOffset.Parse((string?)set.Attribute("createdAt") ?? "", CultureInfo.InvariantCulture),
            (string?)set.Attribute("freezeWindow") is { } window ? XmlConvert.ToTimeSpan(window) : null,
            [
                .. set.Elements("disk").Select(disk => new SetDisk(
                    SnapshotRecord.Read(disk, identity),
                    EnumName.Parse<Consistency>((string?)disk.Attribute("consistency")),
                    (string?)disk.Attribute("changedDisk") == "yes")),
            ])
        {
            Identity = identity,
            Kept = KeptCopy.ReadAll(set),
            Uri = uri,
        };
    }

    public XElement ToElement() => new(
        "set",
        Identity?.ToAttributes() ?? [new XAttribute("group", Group.ToString("D")), new XAttribute("name", Name.ToString())],
        RecordFormat.Version,
        new XAttribute("createdAt", CreatedAt.UtcDateTime.ToString("O", CultureInfo.InvariantCulture)),
        FreezeWindow is { } window ? new XAttribute("freezeWindow", XmlConvert.ToString(window)) : null,
        Disks.Select(disk =>
        {
            var element = disk.Record.ToElement();
            element.SetAttributeValue("consistency", disk.Consistency.ToString());
            element.SetAttributeValue("changedDisk", disk.ChangedDisk ? "yes" : "no");
            return element;
        }),
        Kept.Select(copy => copy.ToElement()));
}

/// <summary>One disk of a recorded set.</summary>
/// <param name="Record">The record of its snapshot.</param>
/// <param name="Consistency">The consistency that was reached.</param>
/// <param name="ChangedDisk">Whether the snapshot has changed the domain's disk.</param>
internal sealed record SetDisk(SnapshotRecord Record, Consistency Consistency, bool ChangedDisk);
