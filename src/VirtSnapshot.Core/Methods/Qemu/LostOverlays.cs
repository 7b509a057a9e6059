using System.Globalization;
using System.Text.RegularExpressions;
using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Overlays that are marked as this domain's own. Where the metadata is lost, the marks replace the records; after a definition from an old XML the disks use
/// the base again, and the overlays with the newest data are unused files beside it or in a pool.
/// </summary>
internal static partial class LostOverlays
{
    private const string KeptEnd = ".kept-";

    /// <summary>All found overlays, for each disk ordered from its base upwards. Overlays without data, own or above them, are left out.</summary>
    public static IReadOnlyList<LostDisk> Find(MethodRequest request, FolderListing listing)
    {
        var disks = request.Domain.Disks.Where(disk => disk.WhyNotSnapshottable() is null && disk.Source.Path is not null)
            .Select(disk => (Disk: disk, Chain: request.ChainOf(disk)))
            .ToList();
        var found = disks.Select(disk => (disk.Disk, Layers: PathsOf(disk.Chain), Files: FilesOf(request, listing, disk.Disk, disk.Chain))).ToList();
        using var ahead = request.Host.ReadAhead(found.SelectMany(disk => disk.Files));
        return [.. found.SelectMany(disk => Find(request, disk.Disk, disk.Layers, disk.Files))];
    }

    /// <summary>Whether an image is an overlay that was kept aside: its base may change.</summary>
    public static bool IsKeptAside(string image, Qcow2Header? header, Guid domain) =>
        KeptName().IsMatch(image) && OverlayMark.Parse(header?.Mark) is { } mark && mark.Set.WhyNotOf(domain) is null;

    /// <summary>Why detached overlays must not be reattached to their disk, as the end of a sentence; null where they may.</summary>
    /// <param name="request">The domain, shut off.</param>
    /// <param name="use">The users of images.</param>
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
                return $"the base of '{path}' is '{source}', not '{below}'";
            }

            if (request.Host.Stat(source, followLink: true) is not { IsRegularFile: true })
            {
                return $"'{source}' is a device, and whether it was written to since is unknown. Compare both, and if it was not, "
                    + $"assign '{OverlayData.PathOf(overlays[^1])}' to the disk with 'virsh edit'";
            }

            if (WrittenAt(request, source) > WrittenAt(request, path))
            {
                return $"'{source}' is newer than '{path}', so they do not match any more: the guest has run without the overlay. Copy the needed "
                    + "data from it";
            }

            if (use.FindForeignUser(path, disk.Target, [.. overlays.Select(OverlayData.PathOf)]) is { } user)
            {
                return $"'{path}' has another user: {user}";
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

    /// <summary>Renames overlays, so that no definition or record names them. Their backing file names are changed accordingly.</summary>
    /// <returns>The new names.</returns>
    /// <exception cref="VirtSnapshotException"><c>StorageFailed</c>: it can be repeated.</exception>
    public static IReadOnlyList<string> KeepAside(MethodRequest request, IReadOnlyList<SnapshotRecord> overlays)
    {
        var end = KeptEnd + DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var names = overlays.Select(OverlayData.PathOf).ToList();

        // Hard links first: the base of every overlay exists at every moment.
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

    /// <summary>The disk's layers, and files named as overlays on them. Raw layers are excluded: the guest could forge a mark in them.</summary>
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
                .Where(file => OverlayName().IsMatch(file)
                    && Array.Exists(stems, stem => Path.GetFileName(file).StartsWith($"{stem}.", StringComparison.Ordinal)))
                .Concat(layers)
                .Except(PathsOf(chain.Where(layer => layer.Format == "raw")), StringComparer.Ordinal),
        ];
    }

    private static IEnumerable<LostDisk> Find(MethodRequest request, VmDisk disk, string[] layers, List<string> files)
    {
        var own = files.Select(file => Read(request, disk, file, Array.IndexOf(layers, file) >= 0)).OfType<FoundOverlay>().ToList();
        var attachable = Attachable(request, own, layers);
        return own
            .Where(overlay => overlay.Lost.IsInChain || CarriesData(overlay))
            .Where(overlay => !overlay.IsKept)
            .Select(overlay => attachable.Contains(overlay)
                ? overlay
                : overlay with { Lost = overlay.Lost with { WhyUseless = WhyUseless(request, overlay.Backing) } })
            .OrderByDescending(overlay => Array.IndexOf(layers, overlay.Path))
            .ThenBy(overlay => attachable.Contains(overlay) ? Depth(overlay) : int.MaxValue)
            .Select(overlay => overlay.Lost);

        FoundOverlay? Below(FoundOverlay overlay) => own.Find(other => other != overlay && request.IsSameFile(other.Path, overlay.Backing));

        int Depth(FoundOverlay overlay) => overlay.Lost.IsInChain ? 0 : 1 + (Below(overlay) is { } below ? Depth(below) : 0);

        // A chain that refers to itself is not attachable, so the recursion ends.
        bool CarriesData(FoundOverlay overlay) => overlay.HoldsData
            || (attachable.Contains(overlay) && own.Exists(other => Below(other) == overlay && CarriesData(other)));
    }

    /// <summary>Why its base cannot be used, such as after a revert by libvirt, which deletes overlays.</summary>
    private static string WhyUseless(MethodRequest request, string backing) => request.Host.Stat(backing, followLink: true) is null
        ? $"its base '{backing}' does not exist (deleted, or its file system is not mounted)"
        : $"the disk does not use its base '{backing}'";

    /// <summary>
    /// Overlays whose backing chain leads to the disk's chain, directly or through other overlays. A chain that refers to itself does not.
    /// </summary>
    private static HashSet<FoundOverlay> Attachable(MethodRequest request, IReadOnlyList<FoundOverlay> own, IReadOnlyList<string> layers)
    {
        var attachable = own.Where(overlay => overlay.Lost.IsInChain || layers.Any(layer => request.IsSameFile(layer, overlay.Backing))).ToHashSet();
        while (own.Where(IsNext).ToList() is { Count: > 0 } next)
        {
            attachable.UnionWith(next);
        }

        return attachable;

        bool IsNext(FoundOverlay overlay) =>
            !attachable.Contains(overlay) && attachable.Any(below => request.IsSameFile(below.Path, overlay.Backing));
    }

    /// <summary>Null where a file is not a former overlay of this disk.</summary>
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
        var record = new SnapshotRecord(disk.Target, QemuMethod.MethodName, source, OverlayData.ToElement(file, Path.GetFileName(name)[..end]))
        {
            Set = mark.Set,
            Image = $"{source}",
        };
        return isKept || OverlayProof.WhyNotOurs(request, record) is null
            ? new FoundOverlay(new LostDisk(record, file, mark.CreatedAt, isInChain), backing, header.HoldsData, isKept)
            : null;
    }

    /// <summary>A file's modification time in seconds.</summary>
    private static decimal WrittenAt(MethodRequest request, string path)
    {
        var result = request.Host.RunAsRoot("stat", ["--dereference", "--format=%.9Y", "--", path]);
        return result.Succeeded
            && decimal.TryParse(result.Output.AsSpan().Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            ? seconds
            : throw new VirtSnapshotException(
                FailureKind.InvalidData, "SourceUnreadable", path, $"The modification time of '{path}' cannot be read: {result.ToolError}. Nothing "
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
                $"The overlays of disk '{record.Target}' of domain '{request.Domain.Name}' could not be kept aside: '{program}' failed: "
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
