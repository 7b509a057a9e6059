using System.Xml.Linq;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>The <c>&lt;domainsnapshot&gt;</c> that switches disks to their overlays, and excludes every other disk explicitly.</summary>
internal static class OverlaySwitchXml
{
    public static string Build(VmDomain domain, SnapshotName name, IReadOnlyList<Overlay> overlays)
    {
        var byTarget = overlays.ToDictionary(overlay => overlay.Disk.Target, StringComparer.Ordinal);
        return new XElement(
            "domainsnapshot",
            new XElement("name", name.ToString()),
            new XElement("disks", domain.Disks.Select(disk => byTarget.TryGetValue(disk.Target, out var overlay)
                ? new XElement(
                    "disk",
                    new XAttribute("name", disk.Target),
                    new XAttribute("snapshot", "external"),
                    new XAttribute("type", "file"),
                    new XElement("driver", new XAttribute("type", "qcow2")),
                    new XElement("source", new XAttribute("file", overlay.Path)))
                : new XElement("disk", new XAttribute("name", disk.Target), new XAttribute("snapshot", "no")))))
            .ToString(SaveOptions.DisableFormatting);
    }
}
