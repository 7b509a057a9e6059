using System.Text.RegularExpressions;
using System.Xml.Linq;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>Which volume takes which one's place when a disk is restored. Kept in the journal, beside the record of the snapshot.</summary>
/// <param name="Pool">The pool of both.</param>
/// <param name="Name">The new volume.</param>
/// <param name="Path">Its path on the host.</param>
/// <param name="Replaced">The name of the one that the disk has now.</param>
/// <param name="ReplacedPath">Its path on the host.</param>
/// <param name="IsNamedByPool">Whether the disk's definition names the pool and the volume, and not the path.</param>
/// <param name="IsLogical">Whether they are logical volumes.</param>
internal sealed partial record VolumeReplacement(string Pool, string Name, string Path, string Replaced, string ReplacedPath, bool IsNamedByPool, bool IsLogical)
{
    private const string ElementName = "succession";

    /// <summary>The name of a disk's next volume: the old one's, with a mark that proves it ours.</summary>
    public static string NameAfter(string replaced, Guid group)
    {
        var (stem, extension) = Split(replaced);

        // A disk that is restored a second time to the same set has that name already.
        var name = $"{stem}.restored-{SnapshotLabel.ShortGroup(group)}";
        return $"{name}{extension}" == replaced ? $"{name}-2{extension}" : $"{name}{extension}";
    }

    /// <summary>What the names of a disk's volumes have in common, however often it was restored.</summary>
    public static string StemOf(string name) => Split(name) is var (stem, extension) ? stem + extension : name;

    public static VolumeReplacement Read(SnapshotRecord record) =>
        Find(record) ?? throw new FormatException($"A restore of method '{record.Method}' without <{ElementName}>.");

    /// <returns>Null where the record has none: its snapshot is not being restored.</returns>
    public static VolumeReplacement? Find(SnapshotRecord record)
    {
        if (record.Data.Element(ElementName) is not { } element)
        {
            return null;
        }

        string Value(string name) => (string?)element.Attribute(name) ?? throw new FormatException($"<{ElementName}> without '{name}'.");
        return new VolumeReplacement(Value("pool"), Value("name"), Value("path"), Value("replaced"), Value("replacedPath"), (string?)element.Attribute("namedBy") == "pool", (string?)element.Attribute("kind") == "logical");
    }

    /// <summary>The record, with this beside it.</summary>
    public SnapshotRecord AddTo(SnapshotRecord record)
    {
        var data = new XElement(record.Data);
        data.Add(new XElement(
            ElementName,
            new XAttribute("pool", Pool),
            new XAttribute("name", Name),
            new XAttribute("path", Path),
            new XAttribute("replaced", Replaced),
            new XAttribute("replacedPath", ReplacedPath),
            new XAttribute("namedBy", IsNamedByPool ? "pool" : "path"),
            new XAttribute("kind", IsLogical ? "logical" : "file")));
        return record with { Data = data };
    }

    /// <summary>
    /// Why it is none that restoring this set would plan, as the end of a sentence; null where it is. The name of the new volume carries the set's identity,
    /// and from it follows the name of the one that is deleted.
    /// </summary>
    public string? WhyNotOurs(MethodRequest request, VolumeCopy copy, SnapshotRecord record)
    {
        var folder = System.IO.Path.GetDirectoryName(copy.Path)!;
        return this switch
        {
            _ when Pool != copy.Pool => $"'{Pool}' is not the pool of '{copy}'",
            _ when Name != NameAfter(Replaced, record.Set!.Group) => $"'{Pool}/{Name}' is not the name of the volume that takes the place of '{Replaced}'",
            _ when Path != System.IO.Path.Combine(folder, Name) || ReplacedPath != System.IO.Path.Combine(folder, Replaced) => $"'{Path}' and '{ReplacedPath}' are not in '{folder}'",
            _ when request.Native.Connection.HasVolume(Pool, Replaced) && !VolumeUse.IsSame(request.Native.Connection, record.Image, ReplacedPath) => $"'{ReplacedPath}' is not '{record.Image}', which it is of",
            _ when new[] { Name, Replaced }.Any(name => name.Contains('/', StringComparison.Ordinal)) => "the names of its volumes are paths",
            _ => null,
        };
    }

    /// <summary>The disk's source afterwards.</summary>
    public DiskSource Source(string format) => IsNamedByPool ? DiskSource.ForVolume(Pool, Name, Path, format) : DiskSource.ForPath(Path, format, isBlockDevice: IsLogical);

    private static (string Stem, string Extension) Split(string name)
    {
        var extension = System.IO.Path.GetExtension(name);
        return Mark().IsMatch(extension) ? (name[..^extension.Length], "") : (Mark().Replace(name[..^extension.Length], ""), extension);
    }

    [GeneratedRegex(@"\.restored-[0-9a-f]{16}(-2)?(?=\.|$)")]
    private static partial Regex Mark();
}
