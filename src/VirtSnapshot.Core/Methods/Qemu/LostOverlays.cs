using System.Globalization;
using System.Text.RegularExpressions;
using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Overlays of a domain that are marked as its own. Where the metadata is lost, the marks are the record; and where a domain was defined anew from an old XML,
/// its disks start from the base again, and overlays that hold what was written since lie beside it or in a pool.
/// </summary>
internal static partial class LostOverlays
{
    private const string KeptEnd = ".kept-";

    /// <summary>All that can be found, of each disk the one that is nearest to its base first. What holds no data, and carries none, is left out.</summary>
    public static IReadOnlyList<LostDisk> Find(MethodRequest request, FolderListing listing)
    {
        var disks = request.Domain.Disks.Where(disk => disk.WhyNotSnapshottable() is null && disk.Source.Path is not null)
            .Select(disk => (Disk: disk, Chain: request.ChainOf(disk)))
            .ToList();
        var found = disks.Select(disk => (disk.Disk, Layers: PathsOf(disk.Chain), Files: FilesOf(request, listing, disk.Disk, disk.Chain))).ToList();
        using var ahead = request.Host.ReadAhead(found.SelectMany(disk => disk.Files));
        return [.. found.SelectMany(disk => Find(request, disk.Disk, disk.Layers, disk.Files))];
    }

    /// <summary>Whether an image is an overlay that a domain goes on without: what it stands on may change.</summary>
    public static bool IsKeptAside(string image, Qcow2Header? header, Guid domain) =>
        KeptName().IsMatch(image) && OverlayMark.Parse(header?.Mark) is { } mark && mark.Set.WhyNotOf(domain) is null;

    /// <summary>Why a disk must not go on with its detached overlays, as the end of a sentence; null where it may.</summary>
    /// <param name="request">The domain, shut off.</param>
    /// <param name="use">Who uses which image.</param>
    /// <param name="overlays">The disk's detached overlays, the one nearest to the base first.</param>
    public static string? WhyNotReattachable(MethodRequest request, ImageUse use, IReadOnlyList<SnapshotRecord> overlays)
    {
        var disk = request.Domain.FindDisk(overlays[0].Target)!;
        var below = disk.Source.Path!;
        foreach (var overlay in overlays)
        {
            var path = OverlayData.PathOf(overlay);
            var source = overlay.Source.Path!;
            if (!request.IsSameFile(source, below))
            {
                return $"'{path}' stands on '{source}', and not on '{below}', as the disk's newest data must";
            }

            if (request.Host.Stat(source, followLink: true) is not { IsRegularFile: true })
            {
                return $"'{source}' is a device, which does not tell whether it was written to since. Compare both, and put "
                    + $"'{OverlayData.PathOf(overlays[^1])}' back with 'virsh edit' if it was not";
            }

            if (WrittenAt(request, source) > WrittenAt(request, path))
            {
                return $"'{source}' was written to after '{path}' was, so what that holds no longer fits it: the guest has run without it. Copy out "
                    + "of it what is needed";
            }

            if (use.FindForeignUser(path, disk.Target, [.. overlays.Select(OverlayData.PathOf)]) is { } user)
            {
                return $"'{path}' is not this disk's alone: {user}";
            }

            below = path;
        }

        return null;
    }

    /// <summary>Why overlays must keep their names, as the end of a sentence; null where nothing else needs them.</summary>
    public static string? WhyNotKeptAside(ImageUse use, IReadOnlyList<SnapshotRecord> overlays)
    {
        var names = overlays.Select(OverlayData.PathOf).ToList();
        return names.Find(use.IsNamedByAnyDomain) is { } named
            ? $"a domain's definition names '{named}'"
            : names.Select(name => use.FindForeignUser(name, overlays[0].Target, names)).FirstOrDefault(user => user is not null);
    }

    /// <summary>Gives overlays names under which nothing looks for them. Each still names the one that it stands on.</summary>
    /// <returns>The new names.</returns>
    /// <exception cref="VirtSnapshotException"><c>StorageFailed</c>: it can be repeated.</exception>
    public static IReadOnlyList<string> KeepAside(MethodRequest request, IReadOnlyList<SnapshotRecord> overlays)
    {
        var end = KeptEnd + DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var names = overlays.Select(OverlayData.PathOf).ToList();

        // A second name first: at no moment is there an overlay whose base has no name.
        names.ForEach(overlay => Do(request, overlays[0], "ln", ["--no-target-directory", "--", overlay, overlay + end]));
        foreach (var overlay in overlays)
        {
            if (names.Find(name => request.IsSameFile(name, overlay.Source.Path!)) is { } below)
            {
                Do(request, overlay, "qemu-img", ["rebase", "-u", "-q", "-f", "qcow2", "-b", below + end, "-F", "qcow2", OverlayData.PathOf(overlay)]);
            }
        }

        names.ForEach(request.Host.Delete);
        return [.. names.Select(name => name + end)];
    }

    private static string[] PathsOf(IEnumerable<DiskSource> layers) => [.. layers.Select(layer => layer.Path).OfType<string>()];

    /// <summary>The disk's layers, and files that are named like overlays on them. What a raw one holds is the guest's, be it marked as an overlay.</summary>
    private static List<string> FilesOf(MethodRequest request, FolderListing listing, VmDisk disk, IReadOnlyList<DiskSource> chain)
    {
        var layers = PathsOf(chain);
        string[] stems = [.. layers.Select(layer => Path.GetFileNameWithoutExtension(layer)), Overlay.StemOf(disk)];
        return
        [
            .. layers.Select(layer => Path.GetDirectoryName(layer)!)
                .Concat(listing.PoolFolders(request))
                .Distinct(StringComparer.Ordinal)
                .SelectMany(folder => listing.FilesIn(request, folder))
                .Where(file => OverlayName().IsMatch(file) && Array.Exists(stems, stem => Path.GetFileName(file).StartsWith($"{stem}.", StringComparison.Ordinal)))
                .Concat(layers)
                .Except(PathsOf(chain.Where(layer => layer.Format == "raw")), StringComparer.Ordinal),
        ];
    }

    private static IEnumerable<LostDisk> Find(MethodRequest request, VmDisk disk, string[] layers, List<string> files)
    {
        var own = files.Select(file => Read(request, disk, file, Array.IndexOf(layers, file) >= 0)).OfType<FoundOverlay>().ToList();
        var standing = Standing(request, own, layers);
        return own
            .Where(overlay => overlay.Lost.IsInChain || CarriesData(overlay))
            .Where(overlay => !overlay.IsKept)
            .Select(overlay => standing.Contains(overlay)
                ? overlay
                : overlay with { Lost = overlay.Lost with { WhyUseless = WhyUseless(request, overlay.Backing) } })
            .OrderByDescending(overlay => Array.IndexOf(layers, overlay.Path))
            .ThenBy(overlay => standing.Contains(overlay) ? Depth(overlay) : int.MaxValue)
            .Select(overlay => overlay.Lost);

        FoundOverlay? Below(FoundOverlay overlay) => own.Find(other => other != overlay && request.IsSameFile(other.Path, overlay.Backing));

        int Depth(FoundOverlay overlay) => overlay.Lost.IsInChain ? 0 : 1 + (Below(overlay) is { } below ? Depth(below) : 0);

        // What stands on itself, over however many others, carries what it holds and no more.
        bool CarriesData(FoundOverlay overlay) => overlay.HoldsData
            || (standing.Contains(overlay) && own.Exists(other => Below(other) == overlay && CarriesData(other)));
    }

    /// <summary>As after a revert by libvirt, which deletes what it takes for its own.</summary>
    private static string WhyUseless(MethodRequest request, string backing) => request.Host.Stat(backing, followLink: true) is null
        ? $"what it stands on, '{backing}', is not there (deleted, or its file system is not mounted)"
        : $"what it stands on, '{backing}', is not what the disk uses";

    /// <summary>
    /// Overlays that lead to the disk's chain, over others or at once. What names itself as its base, over however many others, leads nowhere.
    /// </summary>
    private static HashSet<FoundOverlay> Standing(MethodRequest request, IReadOnlyList<FoundOverlay> own, IReadOnlyList<string> layers)
    {
        var standing = own.Where(overlay => overlay.Lost.IsInChain || layers.Any(layer => request.IsSameFile(layer, overlay.Backing))).ToHashSet();
        while (own.Where(overlay => !standing.Contains(overlay) && standing.Any(below => request.IsSameFile(below.Path, overlay.Backing))).ToList() is { Count: > 0 } next)
        {
            standing.UnionWith(next);
        }

        return standing;
    }

    /// <summary>Null where a file is not an overlay that this domain's disk once had.</summary>
    private static FoundOverlay? Read(MethodRequest request, VmDisk disk, string file, bool isInChain)
    {
        if (request.Host.Stat(file) is not { IsRegularFile: true }
            || ImageChain.ReadHeader(request.Host, file, withTable: !isInChain) is not { Mark: not null } header
            || OverlayMark.Parse(header.Mark) is not { } mark
            || mark.Target != disk.Target
            || mark.Set.WhyNotOf(request.Domain.Uuid) is not null
            || ImageChain.Resolve(file, header.BackingFile) is not { } backing)
        {
            return null;
        }

        var at = file.LastIndexOf(KeptEnd, StringComparison.Ordinal);
        var (name, isKept) = at < 0 ? (file, false) : (file[..at], true);
        if (name != mark.File)
        {
            return null;
        }

        var end = Path.GetFileName(name).LastIndexOf($".{mark.Set.Name}.", StringComparison.Ordinal);
        if (end <= 0)
        {
            return null;
        }

        var source = DiskSource.ForPath(backing, header.BackingFormat, request.Host.Stat(backing, followLink: true) is { IsBlockDevice: true });
        var record = new SnapshotRecord(disk.Target, QemuMethod.MethodName, source, OverlayData.ToElement(file, Path.GetFileName(name)[..end])) { Set = mark.Set, Image = $"{source}" };
        return isKept || OverlayProof.WhyNotOurs(request, record) is null
            ? new FoundOverlay(new LostDisk(record, file, mark.CreatedAt, isInChain), backing, header.HoldsData, isKept)
            : null;
    }

    /// <summary>When a file was last written to, in seconds.</summary>
    private static decimal WrittenAt(MethodRequest request, string path)
    {
        var result = request.Host.RunAsRoot("stat", ["--dereference", "--format=%.9Y", "--", path]);
        return result.Succeeded && decimal.TryParse(result.Output.AsSpan().Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            ? seconds
            : throw new VirtSnapshotException(
                FailureKind.InvalidData, "SourceUnreadable", path, $"When '{path}' was last written to cannot be read: {result.ToolError}. Nothing "
                    + "was touched.");
    }

    private static void Do(MethodRequest request, SnapshotRecord record, string program, IReadOnlyList<string> arguments)
    {
        var result = request.Host.RunAsRoot(program, arguments);
        if (!result.Succeeded)
        {
            throw new VirtSnapshotException(
                FailureKind.NotSpecified,
                "StorageFailed",
                request.Domain.FindDisk(record.Target),
                $"The overlays of disk '{record.Target}' of domain '{request.Domain.Name}' could not be kept aside: '{program}' says: "
                + $"{result.ToolError}. No data is lost. Run Repair-DiskSnapshot again.");
        }
    }

    [GeneratedRegex(@"\.qcow2\.kept-[0-9]{8}T[0-9]{6}Z\z", RegexOptions.CultureInvariant)]
    private static partial Regex KeptName();

    [GeneratedRegex(@"\.qcow2(\.kept-[0-9]{8}T[0-9]{6}Z)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex OverlayName();

    private sealed record FoundOverlay(LostDisk Lost, string Backing, bool HoldsData, bool IsKept)
    {
        public string Path => Lost.File;
    }
}
