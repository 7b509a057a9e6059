using System.Globalization;
using System.Text.RegularExpressions;

namespace VirtSnapshot.Storage;

/// <summary>A line of <c>/proc/self/mountinfo</c>, see proc(5).</summary>
/// <param name="Id">The mount's number.</param>
/// <param name="Parent">The number of the parent mount.</param>
/// <param name="Device"><c>major:minor</c> of the file system; for btrfs an anonymous number.</param>
/// <param name="Root">The directory of the file system that is mounted.</param>
/// <param name="Point">The mount point.</param>
/// <param name="FileSystem">The file system's type.</param>
/// <param name="Source">The mounted source.</param>
/// <param name="IsReadOnly">Whether this mount, or the whole file system, is read-only.</param>
/// <param name="Subvolume">For btrfs, the path within the file system of the subvolume that contains the root.</param>
internal sealed partial record Mount(
    int Id, int Parent, string Device, string Root, string Point, string FileSystem, string Source, bool IsReadOnly, string? Subvolume)
{
    private const string SubvolumeOption = "subvol=";

    /// <summary>Null if the line cannot be parsed.</summary>
    public static Mount? Parse(string line)
    {
        var fields = line.Split(' ');
        var separator = fields.Length > 6 ? Array.IndexOf(fields, "-", 6) : -1;
        if (separator < 0 || fields.Length < separator + 4
            || !int.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            || !int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out var parent))
        {
            return null;
        }

        var options = fields[separator + 3].Split(',');
        var subvolume = Array.Find(options, option => option.StartsWith(SubvolumeOption, StringComparison.Ordinal));
        return new Mount(
            id,
            parent,
            fields[2],
            Unescape(fields[3]),
            Unescape(fields[4]),
            fields[separator + 1],
            Unescape(fields[separator + 2]),
            fields[5].Split(',').Contains("ro") || options.Contains("ro"),
            subvolume is null ? null : Unescape(subvolume[SubvolumeOption.Length..]));
    }

    /// <summary>Converts a file's path within the file system to its path in this mount.</summary>
    /// <param name="inside">The file's path within the file system, at or below <see cref="Root"/>.</param>
    public string Outside(string inside) => HostPath.Join(Point, HostPath.Below(inside, Root));

    /// <summary>Converts a file's path in this mount to its path within the file system.</summary>
    public string Inside(string path) => HostPath.Join(Root, HostPath.Below(path, Point));

    /// <summary>The kernel writes blanks and backslashes as <c>\040</c>.</summary>
    private static string Unescape(string text) => text.Contains('\\', StringComparison.Ordinal)
        ? EscapePattern().Replace(text, escape => $"{(char)Convert.ToInt32(escape.Value[1..], 8)}")
        : text;

    [GeneratedRegex(@"\\[0-1][0-7][0-7]", RegexOptions.CultureInvariant)]
    private static partial Regex EscapePattern();
}
