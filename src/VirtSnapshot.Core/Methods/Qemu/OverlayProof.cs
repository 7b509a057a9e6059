using System.Text.RegularExpressions;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Whether a file is the overlay that a record speaks of. The record may be forged, so the file decides: a regular file, reached without a link, named as we
/// name overlays, and marked in its header as made for this set and disk.
/// </summary>
internal static partial class OverlayProof
{
    /// <summary>Why it is not, as the end of a sentence; null where it is, or nothing is there.</summary>
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
            // We may have died while it was being made.
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

    /// <summary>Why it must not be deleted now, though nothing of this disk needs it any more, as the end of a sentence; null where it may.</summary>
    /// <param name="request">The domain as it is now.</param>
    /// <param name="use">Who uses which image now.</param>
    /// <param name="record">The record that names it.</param>
    /// <param name="ownLayers">Images that may back on it.</param>
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

    /// <summary>A network base is not named in the file; and one without any base is ours, too: we may have died while it was being made.</summary>
    private static string? WhyOnOther(MethodRequest request, string path, SnapshotRecord record) =>
        ImageChain.Resolve(path, ImageChain.ReadHeader(request.Host, path)?.BackingFile) is { } backing
        && !(record.Source.Path is { } source && request.IsSameFile(backing, source))
            ? $"it backs on '{backing}', and not on what it was made for"
            : null;

    /// <summary>
    /// Whether an overlay of the disk would lie there, beside one of its images and named after it: nothing else tells whose an empty file is.
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
