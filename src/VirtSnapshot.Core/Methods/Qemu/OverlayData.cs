using System.Xml.Linq;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>This method's data in a record: the overlay on the backup source.</summary>
internal static class OverlayData
{
    public static XElement ToElement(string path, string stem) =>
        new("overlay", new XAttribute("file", path), new XAttribute("stem", stem));

    public static string PathOf(SnapshotRecord record) => (string?)record.Data.Attribute("file") ?? "";

    /// <summary>The stem of overlays' names on this disk.</summary>
    public static string? StemOf(SnapshotRecord record) => (string?)record.Data.Attribute("stem");

    /// <summary>The overlay's index in a chain where it is directly on top of the recorded source; else null.</summary>
    public static int? FindIn(IReadOnlyList<DiskSource> chain, SnapshotRecord record)
    {
        var overlay = PathOf(record);
        for (var i = 0; i + 1 < chain.Count; i++)
        {
            if (chain[i].Path == overlay && chain[i + 1].IsSameAs(record.Source))
            {
                return i;
            }
        }

        return null;
    }
}
