using System.Xml.Linq;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.LibvirtVolume;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.Tests.Forged;

/// <summary>Makes records that are genuine but for a few fields, so that they get deep; and some from nothing, with an identity that is right.</summary>
/// <param name="random">Where chance comes from.</param>
/// <param name="targets">Paths of what is not to be touched.</param>
/// <param name="others">Records of other domains.</param>
internal sealed class Forger(Random random, IReadOnlyList<string> targets, IReadOnlyList<XElement> others)
{
    private static readonly string[] YesOrNo = ["recorded", "shield", "lost"];
    private static readonly string[] Methods = ["qemu", "reflink", "btrfs", "qemu-internal", "libvirt-volume", "lvm", "lvm-thin", "zfs", "magic", ""];

    /// <summary>All records of one case.</summary>
    public List<(string Uri, XElement Record)> Next(FuzzCrashTest crashTest)
    {
        var isJournal = random.Next(5) >= 2;
        var (uri, genuine) = crashTest.Genuine[isJournal ? random.Next(1, crashTest.Genuine.Count) : 0];
        var record = random.Next(10) == 0 ? FromNothing(crashTest, isJournal) : new XElement(genuine);
        for (var count = random.Next(1, 4); count > 0; count--)
        {
            Change(record, crashTest);
        }

        var records = new List<(string, XElement)> { (uri, record) };
        if (isJournal && random.Next(2) == 0)
        {
            // The journal is believed more where the catalog says the same.
            records.Add(random.Next(2) == 0 ? crashTest.Genuine[0] : (crashTest.Genuine[0].Uri, SetOf(record)));
        }
        else if (!isJournal && random.Next(5) == 0)
        {
            records.Add(crashTest.Genuine[random.Next(1, crashTest.Genuine.Count)]);
        }

        return records;
    }

    private T Pick<T>(params IReadOnlyList<T> from) => from[random.Next(from.Count)];

    private static XElement SetOf(XElement journal)
    {
        var entry = journal.Element("entry");
        var disk = entry?.Element("disk");
        disk = disk is null ? null : new XElement(disk);
        disk?.SetAttributeValue("consistency", "Offline");
        return new XElement("set", entry?.Attributes().Where(attribute => attribute.Name.LocalName is "group" or "name" or "domain" or "nonce"),
            new XAttribute("createdAt", "2026-01-01T00:00:00Z"), disk);
    }

    /// <summary>A record of any method, whose names are as ours would be.</summary>
    private XElement FromNothing(FuzzCrashTest crashTest, bool isJournal)
    {
        var set = SetIdentity.New(crashTest.Domain.Uuid, SnapshotName.Parse("one"));
        var (path, label) = (Path(crashTest), SnapshotLabel.Of(set));
        var folder = System.IO.Path.GetDirectoryName(path) ?? "/";
        var stem = System.IO.Path.GetFileNameWithoutExtension(path);
        var beside = Pick(path, $"{folder}/.{label}", $"{folder}/{stem}.one.qcow2", $"{folder}/{label}-vda");
        var data = random.Next(5) switch
        {
            0 => new XElement("overlay", new XAttribute("file", beside), new XAttribute("stem", stem)),
            1 => new XElement("internalSnapshot", new XAttribute("image", path), new XAttribute("name", label)),
            2 => new XElement("volumeCopy", new XAttribute("pool", FuzzTests.Pool),
                new XAttribute("name", Pick($"{label}-vda", System.IO.Path.GetFileName(path))), new XAttribute("path", beside),
                new XAttribute("format", "raw"), new XAttribute("origin", "volume.raw")),
            3 => new XElement("volumeSnapshot", new XAttribute("volume", folder), new XAttribute("root", folder), new XAttribute("name", beside),
                new XAttribute("at", beside)),
            _ => new XElement("volumeSnapshot", new XAttribute("volume", path), new XAttribute("name", beside), new XAttribute("at", beside)),
        };
        var source = Pick(path, beside);
        var disk = new XElement(
            "disk",
            new XAttribute("target", Pick("vda", "vdb", "sda", "vdz")),
            new XAttribute("method", Pick(Methods)),
            new XAttribute("image", Pick(path, Own(crashTest))),
            new XAttribute("consistency", "Offline"),
            new XElement("backup", new XAttribute("type", "file"), new XAttribute("format", Pick("raw", "qcow2")), new XAttribute("path", source),
                new XElement("source", new XAttribute("file", source))),
            new XElement("data", data));
        return isJournal
            ? new XElement(
                "journal",
                new XAttribute("operation", Pick(Enum.GetNames<RunOperation>())),
                new XAttribute("startedAt", "2026-01-01T00:00:00Z"),
                new XElement("entry", set.ToAttributes(), Flags(crashTest), disk, random.Next(2) == 0 ? new XElement("becomes", disk) : null))
            : new XElement("set", set.ToAttributes(), new XAttribute("createdAt", "2026-01-01T00:00:00Z"), disk);
    }

    private IEnumerable<XAttribute> Flags(FuzzCrashTest crashTest)
    {
        foreach (var flag in YesOrNo.Where(_ => random.Next(3) == 0))
        {
            yield return new XAttribute(flag, "yes");
        }

        if (crashTest.Instance is { } instance && random.Next(2) == 0)
        {
            yield return new XAttribute("instance", instance);
        }
    }

    private void Change(XElement record, FuzzCrashTest crashTest)
    {
        var elements = record.DescendantsAndSelf().ToList();
        var element = Pick(elements);
        switch (random.Next(12))
        {
            case 0 or 1 or 2:
                SetOneAttribute(elements, crashTest);
                break;
            case 3 or 4:
                ReplaceEverywhere(elements, crashTest);
                break;
            case 5:
                Relabel(elements, crashTest);
                break;
            case 6:
                Transplant(elements);
                break;
            case 7 when element.Parent is { } parent:
                parent.Add(new XElement(element));
                break;
            case 8 when element.Parent is not null:
                element.Remove();
                break;
            case 9 when elements.Find(found => found.Name == "entry") is { } entry:
                foreach (var flag in Flags(crashTest))
                {
                    entry.SetAttributeValue(flag.Name, flag.Value);
                }

                break;
            case 10 when elements.Find(found => found.Name == "data")?.Elements().FirstOrDefault() is { } data:
                data.Add(Succession(crashTest));
                break;
            default:
                element.Attributes().Skip(random.Next(4)).FirstOrDefault()?.Remove();
                break;
        }
    }

    private void SetOneAttribute(List<XElement> elements, FuzzCrashTest crashTest)
    {
        var attribute = Pick(elements.SelectMany(element => element.Attributes()).Where(attribute => !attribute.IsNamespaceDeclaration)
            .DefaultIfEmpty(new XAttribute("none", "")).ToList());
        attribute.Value = attribute.Name.LocalName switch
        {
            "target" => Pick("vda", "vdb", "vdz", "sda", "", "vd-a", "../vda"),
            "method" => Pick(Methods),
            "type" => Pick("file", "block", "network", "volume", "dir", "none", "5"),
            "format" => Pick("raw", "qcow2", "luks", "", "-f"),
            "group" or "nonce" or "domain" =>
                Pick($"{crashTest.Set.Group}", $"{crashTest.Set.Nonce}", $"{crashTest.Set.Domain}", $"{Guid.NewGuid()}", (string?)Pick(others)
                .Attribute("group") ?? "", (string?)Pick(others).Attribute("domain") ?? "", "", "x"),
            "operation" => Pick("Snapshot", "Removal", "Restore", "RestoreEnding", "7", "Snapshot, Removal", ""),
            "recorded" or "shield" or "lost" or "changedDisk" => Pick("yes", "no"),
            "consistency" => Pick("Offline", "Quiesced", "9", ""),
            "createdAt" or "startedAt" => Pick("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "never"),
            "instance" => crashTest.Instance ?? "x",
            "pool" => Pick(FuzzTests.Pool, "no such pool", ""),
            "stem" => Pick("../x", "", ".", System.IO.Path.GetFileNameWithoutExtension(Path(crashTest)), new string('x', 5000)),
            "origin" or "replaced" => Pick(System.IO.Path.GetFileName(Path(crashTest)), "../volume.raw", ""),
            "name" when !attribute.Value.StartsWith('/') =>
                Pick(System.IO.Path.GetFileName(Path(crashTest)), SnapshotLabel.Of(crashTest.Set),
                VolumeReplacement.NameAfter("volume.raw", crashTest.Set.Group), "one", "two", "", "a/b"),
            _ => Path(crashTest),
        };
    }

    /// <summary>The same path in all fields at once, as somebody writes it who knows what is compared with what.</summary>
    private void ReplaceEverywhere(List<XElement> elements, FuzzCrashTest crashTest)
    {
        var paths = elements.SelectMany(element => element.Attributes()).Where(attribute => attribute.Value.StartsWith('/')).ToList();
        if (paths.Count > 0)
        {
            var (old, now) = (Pick(paths).Value, Path(crashTest));
            paths.Where(attribute => attribute.Value == old).ToList().ForEach(attribute => attribute.Value = now);
        }
    }

    /// <summary>Another identity of the domain, and all names that follow from it.</summary>
    private void Relabel(List<XElement> elements, FuzzCrashTest crashTest)
    {
        var now = SetIdentity.New(crashTest.Domain.Uuid, SnapshotName.Parse("one"));
        var isWhole = random.Next(2) == 0;
        foreach (var attribute in elements.SelectMany(element => element.Attributes())
            .Where(attribute => isWhole || attribute.Name.LocalName is "group" or "nonce"))
        {
            attribute.Value = attribute.Value
                .Replace($"{crashTest.Set.Nonce}", $"{now.Nonce}", StringComparison.Ordinal)
                .Replace($"{crashTest.Set.Group}", $"{now.Group}", StringComparison.Ordinal)
                .Replace(SnapshotLabel.ShortGroup(crashTest.Set.Group), SnapshotLabel.ShortGroup(now.Group), StringComparison.Ordinal);
        }
    }

    /// <summary>What another domain's genuine record says, under this one's identity.</summary>
    private void Transplant(List<XElement> elements)
    {
        if (elements.Find(element => element.Name == "disk") is not { } disk || Pick(others).Element("disk") is not { } other)
        {
            return;
        }

        switch (random.Next(3))
        {
            case 0:
                disk.ReplaceNodes(other.Nodes());
                disk.SetAttributeValue("method", (string?)other.Attribute("method"));
                disk.SetAttributeValue("image", (string?)other.Attribute("image"));
                break;
            case 1:
                disk.Element("data")?.ReplaceNodes(other.Element("data")!.Nodes());
                disk.SetAttributeValue("method", (string?)other.Attribute("method"));
                break;
            default:
                disk.Element("backup")?.ReplaceWith(other.Element("backup"));
                break;
        }
    }

    private XElement Succession(FuzzCrashTest crashTest)
    {
        var path = Path(crashTest);
        var (folder, replaced) = (System.IO.Path.GetDirectoryName(path) ?? "/", System.IO.Path.GetFileName(path));
        var name = Pick(replaced, VolumeReplacement.NameAfter(replaced, crashTest.Set.Group));
        return new XElement(
            "succession",
            new XAttribute("pool", FuzzTests.Pool),
            new XAttribute("name", name),
            new XAttribute("path", $"{folder}/{name}"),
            new XAttribute("replaced", replaced),
            new XAttribute("replacedPath", path),
            new XAttribute("namedBy", Pick("pool", "path")),
            new XAttribute("kind", Pick("logical", "file")));
    }

    private string Own(FuzzCrashTest crashTest) => crashTest.Domain.Disks[random.Next(2)].Source.Path!;

    private string Path(FuzzCrashTest crashTest) => random.Next(12) switch
    {
        0 => Own(crashTest),
        1 => $"{System.IO.Path.GetDirectoryName(Pick(targets))}/.{SnapshotLabel.Of(crashTest.Set)}",
        2 => $"{System.IO.Path.GetDirectoryName(Own(crashTest))}/../{System.IO.Path.GetFileName(Pick(targets))}",
        3 => $"{Own(crashTest)}/../{System.IO.Path.GetFileName(Pick(targets))}",
        4 => Pick("", "/", "/dev/null", "relative", "//", $"/{new string('x', 5000)}"),
        _ => Pick(targets),
    };
}
