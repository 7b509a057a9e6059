using VirtSnapshot.Domains;

namespace VirtSnapshot.Storage;

/// <summary>The image chain of a disk, as far as it has been read.</summary>
/// <param name="Backing">The backing images, the nearest first: the path of each, and its name as written in the image above it.</param>
/// <param name="Missing">The images that must be read before the chain can be continued.</param>
/// <param name="IsLoop">Whether the last one is backed by one of those above it.</param>
internal sealed record DiskImages(IReadOnlyList<(string? Path, string Written)> Backing, IReadOnlyList<DiskSource> Missing, bool IsLoop)
{
    // libvirt's limit is 200 layers.
    private const int MaxLayers = 200;

    /// <summary>
    /// Follows the chain. For an active domain, libvirt reports the images, but not the names written in them. For a shut-off domain, the headers are
    /// followed, since its definition may be incomplete or outdated.
    /// </summary>
    public static DiskImages Follow(VmDisk disk, StorageFindings findings)
    {
        var isRunning = disk.Source.Index is not null;
        var backing = new List<(string? Path, string Written)>();
        var missing = new List<DiskSource>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var isLoop = false;
        bool IsNew(DiskSource image) => image.Path is not { } path || seen.Add(findings.HasProbed(path) ? findings.Resolve(path) : path);
        void AddIfUnread(DiskSource image)
        {
            if (NeedsQuery(image, findings))
            {
                missing.Add(image);
            }
        }

        var image = disk.Source;
        _ = IsNew(image);
        for (var layer = 0; ; layer++)
        {
            AddIfUnread(image);
            var header = image.Path is { } path && MayBeQcow2(image) ? findings.HeaderOf(path) : null;
            if (NamedBy(image, header?.DataFile, "raw") is { } data)
            {
                // libvirt does not list the data file as a layer, but the image cannot be read without it.
                backing.Add((data.Path, header!.DataFile!));
                AddIfUnread(data);
            }

            var next = isRunning
                ? disk.BackingChain.ElementAtOrDefault(layer)
                : NamedBy(image, header?.BackingFile, header?.BackingFormat);
            if (next is null || layer == MaxLayers)
            {
                break;
            }

            if (!IsNew(next))
            {
                isLoop = true;
                break;
            }

            backing.Add((next.Path, header?.BackingFile ?? next.ToString()));
            image = next;
        }

        // Images of an outdated definition are probably in the chain; reading them now may save a round trip.
        missing.AddRange(isRunning || missing.Count == 0 ? [] : disk.BackingChain.Where(layer => NeedsQuery(layer, findings)));
        return new DiskImages(backing, missing, isLoop);
    }

    /// <summary>In a raw image, data of the guest must not be taken for a header.</summary>
    public static bool MayBeQcow2(DiskSource image) => image.Format is null or "qcow2";

    private static bool NeedsQuery(DiskSource image, StorageFindings findings) =>
        image.Path is { } path && path.StartsWith('/') && !(findings.HasProbed(path) && (!MayBeQcow2(image) || findings.HasProbedHead(path)));

    private static DiskSource? NamedBy(DiskSource image, string? written, string? format) => written is null
        ? null
        : ImageChain.Resolve(image.Path!, written) is { } path
            ? DiskSource.ForPath(path, format, isBlockDevice: false)
            : new DiskSource { Type = DiskSourceType.Network, Name = written, Xml = "" };
}
