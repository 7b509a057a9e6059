using System.Xml.Linq;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>What this method keeps with a record: the overlay that stands on the backup source.</summary>
internal static class OverlayData
{
    public static XElement ToElement(string path, string stem) =>
        new("overlay", new XAttribute("file", path), new XAttribute("stem", stem));

    public static string PathOf(SnapshotRecord record) => (string?)record.Data.Attribute("file") ?? "";

    /// <summary>What the names of overlays on this disk begin with.</summary>
    public static string? StemOf(SnapshotRecord record) => (string?)record.Data.Attribute("stem");

    /// <summary>The overlay's place in a chain where it stands directly on the recorded source; null elsewhere.</summary>
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
