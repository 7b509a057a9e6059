using System.Text.RegularExpressions;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Verifies that a file is the overlay of a record. The record may be forged, so the file decides: a regular file, not reached through a link, named by our
/// rules, with a mark of this set and disk in its header.
/// </summary>
internal static partial class OverlayProof
{
    /// <summary>Why it is not, as the end of a sentence; null where it is, or does not exist.</summary>
    public static string? WhyNotOurs(MethodRequest request, SnapshotRecord record)
    {
        var path = OverlayData.PathOf(record);
        if (!IsNamedAsOurs(record, path))
        {
            return $"'{path}' is not the name of an overlay that VirtSnapshot makes for it";
        }

        if (request.Host.Stat(path) is not { } file)
        {
            return null;
        }

        if (!file.IsRegularFile)
        {
            return $"'{path}' is not a regular file";
        }

        if (ImageChain.ReadHeader(request.Host, path) is not { } header)
        {
            // A crash while it was created leaves an empty file.
            return file.Size == 0 && IsNameForDisk(request, record, path) ? null : $"'{path}' is not an overlay";
        }

        return OverlayMark.Parse(header.Mark) switch
        {
            null => $"the overlay '{path}' was not made by VirtSnapshot",
            var mark when mark.Set != record.Set || mark.Target != record.Target => $"the overlay '{path}' was made for another snapshot",
            var mark when mark.File != path => $"'{path}' is a copy of the overlay '{mark.File}'",
            _ => null,
        };
    }

    /// <summary>Why an overlay that this disk does not need must be kept, as the end of a sentence; null where it may be deleted.</summary>
    /// <param name="request">The domain's current state.</param>
    /// <param name="use">The current users of images.</param>
    /// <param name="record">The record that names it.</param>
    /// <param name="ownLayers">Images whose base it may be.</param>
    public static string? WhyKept(MethodRequest request, ImageUse use, SnapshotRecord record, IReadOnlyCollection<string> ownLayers)
    {
        var path = OverlayData.PathOf(record);
        return WhyNotOurs(request, record)
            ?? WhyOnOther(request, path, record)
            ?? (use.IsNamedByAnyDomain(path) ? "a domain's definition names it" : use.FindForeignUser(path, record.Target, ownLayers));
    }

    private static bool IsNamedAsOurs(SnapshotRecord record, string path) =>
        HostPath.IsPlain(path)
        && OverlayData.StemOf(record) is { Length: > 0 } stem
        && record.Set is { } set
        && Path.GetFileName(path) is var name
        && name.StartsWith($"{stem}.{set.Name}", StringComparison.Ordinal)
        && NameEnd().IsMatch(name[$"{stem}.{set.Name}".Length..]);

    /// <summary>The file does not name a network base. A file without a base is accepted too: a crash while it was created leaves such a file.</summary>
    private static string? WhyOnOther(MethodRequest request, string path, SnapshotRecord record) =>
        ImageChain.Resolve(path, ImageChain.ReadHeader(request.Host, path)?.BackingFile) is { } backing
        && !(record.Source.Path is { } source && request.IsSameFile(backing, source))
            ? $"its base is '{backing}', not the recorded one"
            : null;

    /// <summary>
    /// Whether the path is that of an overlay of the disk: beside one of its images and named after it. An empty file has no other mark.
    /// </summary>
    private static bool IsNameForDisk(MethodRequest request, SnapshotRecord record, string path) =>
        request.Domain.FindDisk(record.Target) is { } disk
        && OverlayData.StemOf(record) is { } stem
        && ImageChain.Of(request.Host, request.Domain, disk).Any(layer => layer.Path is { } image
            && Path.GetDirectoryName(image) == Path.GetDirectoryName(path)
            && Path.GetFileNameWithoutExtension(image) is var name
            && (stem == name || stem == $"{name}.{disk.Target}"));

    [GeneratedRegex(@"^(\.restored-[0-9]{1,9})?\.qcow2\z", RegexOptions.CultureInvariant)]
    private static partial Regex NameEnd();
}
