using System.Text.RegularExpressions;
using System.Xml.Linq;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>The replacement of a disk's volume by a restore. Stored in the journal, in the record of the snapshot.</summary>
/// <param name="Pool">The pool of both.</param>
/// <param name="Name">The new volume.</param>
/// <param name="Path">Its path on the host.</param>
/// <param name="Replaced">The name of the disk's current volume.</param>
/// <param name="ReplacedPath">Its path on the host.</param>
/// <param name="IsNamedByPool">Whether the disk's definition names the pool and the volume, not the path.</param>
/// <param name="IsLogical">Whether they are logical volumes.</param>
internal sealed partial record VolumeReplacement(
    string Pool,
    string Name,
    string Path,
    string Replaced,
    string ReplacedPath,
    bool IsNamedByPool,
    bool IsLogical)
{
    private const string ElementName = "succession";

    /// <summary>The name of the replacement: the old volume's name, with a mark that proves that it is ours.</summary>
    public static string NameAfter(string replaced, Guid group)
    {
        var (stem, extension) = Split(replaced);

        // After a restore to the same set the disk's volume already has that name.
        var name = $"{stem}.restored-{SnapshotLabel.ShortGroup(group)}";
        return $"{name}{extension}" == replaced ? $"{name}-2{extension}" : $"{name}{extension}";
    }

    /// <summary>The common part of the names of a disk's volumes after any number of restores.</summary>
    public static string StemOf(string name) => Split(name) is var (stem, extension) ? stem + extension : name;

    public static VolumeReplacement Read(SnapshotRecord record) =>
        Find(record) ?? throw new FormatException($"A restore record of method '{record.Method}' has no <{ElementName}>.");

    /// <returns>Null where the record has none: its snapshot is not being restored.</returns>
    public static VolumeReplacement? Find(SnapshotRecord record)
    {
        if (record.Data.Element(ElementName) is not { } element)
        {
            return null;
        }

        string Value(string name) => (string?)element.Attribute(name) ?? throw new FormatException($"<{ElementName}> has no '{name}'.");
        return new VolumeReplacement(
            Value("pool"),
            Value("name"),
            Value("path"),
            Value("replaced"),
            Value("replacedPath"),
            (string?)element.Attribute("namedBy") == "pool",
            (string?)element.Attribute("kind") == "logical");
    }

    /// <summary>The record with this added.</summary>
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
    /// Why it is not a replacement that a restore of this set would plan, as the end of a sentence; null where it is. The name of the new volume includes the
    /// set's identity, and the name of the volume that is deleted follows from it.
    /// </summary>
    public string? WhyNotOurs(MethodRequest request, VolumeCopy copy, SnapshotRecord record)
    {
        var folder = System.IO.Path.GetDirectoryName(copy.Path)!;
        return this switch
        {
            _ when Pool != copy.Pool => $"'{Pool}' is not the pool of '{copy}'",
            _ when Name != NameAfter(Replaced, record.Set!.Group) => $"'{Pool}/{Name}' is not the name of the replacement of '{Replaced}'",
            _ when Path != System.IO.Path.Combine(folder, Name) || ReplacedPath != System.IO.Path.Combine(folder, Replaced) =>
                $"'{Path}' and '{ReplacedPath}' are not in '{folder}'",
            _ when request.Native.Connection.HasVolume(Pool, Replaced) && !VolumeUse.IsSame(request.Native.Connection, record.Image, ReplacedPath) =>
                $"'{ReplacedPath}' is not the image '{record.Image}' of its snapshot",
            _ when new[] { Name, Replaced }.Any(name => name.Contains('/', StringComparison.Ordinal)) => "the names of its volumes are paths",
            _ => null,
        };
    }

    /// <summary>The disk's source after the restore.</summary>
    public DiskSource Source(string format) => IsNamedByPool
        ? DiskSource.ForVolume(Pool, Name, Path, format)
        : DiskSource.ForPath(Path, format, isBlockDevice: IsLogical);

    private static (string Stem, string Extension) Split(string name)
    {
        var extension = System.IO.Path.GetExtension(name);
        return Mark().IsMatch(extension) ? (name[..^extension.Length], "") : (Mark().Replace(name[..^extension.Length], ""), extension);
    }

    [GeneratedRegex(@"\.restored-[0-9a-f]{16}(-2)?(?=\.|$)")]
    private static partial Regex Mark();
}
