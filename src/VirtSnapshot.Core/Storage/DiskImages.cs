using VirtSnapshot.Domains;

namespace VirtSnapshot.Storage;

/// <summary>The images that a disk stands on, as far as they have been looked at.</summary>
/// <param name="Backing">The images below the top one, the nearest first, under the names that lead there; and how each is written in the image above it.</param>
/// <param name="Missing">What has to be looked at before anything more can be said.</param>
/// <param name="IsLoop">Whether the last of them stands on one of those above it.</param>
internal sealed record DiskImages(IReadOnlyList<(string? Path, string Written)> Backing, IReadOnlyList<DiskSource> Missing, bool IsLoop)
{
    // libvirt itself gives up at 200 layers.
    private const int MaxLayers = 200;

    /// <summary>
    /// libvirt knows the images of a running domain, but not how their names are written. Those of a domain that is shut off are followed from one
    /// header to the next: its definition may be silent or old.
    /// </summary>
    public static DiskImages Follow(VmDisk disk, StorageFindings findings)
    {
        var isRunning = disk.Source.Index is not null;
        var backing = new List<(string? Path, string Written)>();
        var missing = new List<DiskSource>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var isLoop = false;
        bool IsNew(DiskSource image) => image.Path is not { } path || seen.Add(findings.HasProbed(path) ? findings.Resolve(path) : path);
        void Look(DiskSource image)
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
            Look(image);
            var header = image.Path is { } path && MayBeQcow2(image) ? findings.HeaderOf(path) : null;
            if (NamedBy(image, header?.DataFile, "raw") is { } data)
            {
                // No layer of its own to libvirt, but the image is nothing without it.
                backing.Add((data.Path, header!.DataFile!));
                Look(data);
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

        // What an old definition says may save a look later.
        missing.AddRange(isRunning || missing.Count == 0 ? [] : disk.BackingChain.Where(layer => NeedsQuery(layer, findings)));
        return new DiskImages(backing, missing, isLoop);
    }

    /// <summary>What the guest has written into an image that is raw must not pass for a header.</summary>
    public static bool MayBeQcow2(DiskSource image) => image.Format is null or "qcow2";

    private static bool NeedsQuery(DiskSource image, StorageFindings findings) =>
        image.Path is { } path && path.StartsWith('/') && !(findings.HasProbed(path) && (!MayBeQcow2(image) || findings.HasProbedHead(path)));

    private static DiskSource? NamedBy(DiskSource image, string? written, string? format) => written is null
        ? null
        : ImageChain.Resolve(image.Path!, written) is { } path
            ? DiskSource.ForPath(path, format, isBlockDevice: false)
            : new DiskSource { Type = DiskSourceType.Network, Name = written, Xml = "" };
}
