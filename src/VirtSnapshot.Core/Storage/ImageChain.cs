using System.Text.Json;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Native;

namespace VirtSnapshot.Storage;

/// <summary>
/// The layers of a disk, the one that is written first. A running domain's are in its XML; a shut-off domain's are read from
/// the images, since its XML may be silent or old. Only where an image cannot name its base (a network disk's) is the XML believed.
/// </summary>
internal static class ImageChain
{
    // libvirt itself gives up at 200 layers.
    private const int MaxLayers = 200;

    public static IReadOnlyList<DiskSource> Of(IHost host, VmDomain domain, VmDisk disk) => domain.IsActive
        ? [disk.Source, .. disk.BackingChain]
        : OfStored(host, disk);

    /// <summary>The layers of a disk that no QEMU has open, whether or not its domain runs.</summary>
    public static IReadOnlyList<DiskSource> OfStored(IHost host, VmDisk disk) => WithNetworkBase(FromImages(host, disk.Source), disk);

    /// <summary>Each image once: of a chain that leads back into itself, the part up to there.</summary>
    public static IReadOnlyList<DiskSource> FromImages(IHost host, DiskSource top)
    {
        var chain = new List<DiskSource> { top };
        var seen = new HashSet<(ulong Device, ulong Inode)>();
        while (chain.Count < MaxLayers && ReadBacking(host, chain[^1]) is { } backing)
        {
            if ((chain.Count == 1 && !IsNew(top)) || !IsNew(backing))
            {
                break;
            }

            chain.Add(backing);
        }

        return chain;

        bool IsNew(DiskSource layer) => TryStat(host, layer.Path!) is not { } file || seen.Add(file.Identity);
    }

    /// <summary>As <see cref="IHost.ReadAhead"/>, for images and all that they stand on: a journey for each generation.</summary>
    /// <param name="host">Where they are.</param>
    /// <param name="tops">The images.</param>
    /// <param name="others">Other paths that are asked about.</param>
    public static IDisposable ReadAhead(IHost host, IEnumerable<DiskSource> tops, IEnumerable<string>? others = null)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var layers = tops.Where(layer => layer.Path is not null && seen.Add(layer.Path)).ToList();
        var read = new ReadScope();
        var paths = layers.Select(layer => layer.Path!).Concat(others ?? []);
        while (host.ReadAhead(paths) is { } journey)
        {
            read.Add(journey);
            layers = [.. layers.Select(layer => ReadBacking(host, layer)).OfType<DiskSource>().Where(layer => seen.Add(layer.Path!))];
            paths = layers.Select(layer => layer.Path!);
        }

        return read;
    }

    /// <summary>
    /// Whether an image or one that it stands on is encrypted, as the images themselves tell. A raw image cannot tell: what looks like LUKS in it
    /// may be the guest's own.
    /// </summary>
    public static bool IsEncrypted(IHost host, DiskSource top) => FromImages(host, top)
        .Any(layer => layer.Format == "luks" || (layer is { Path: { } path, Format: null or "qcow2" } && ReadHeader(host, path) is { IsEncrypted: true }));

    /// <param name="host">Where the image is.</param>
    /// <param name="path">The image.</param>
    /// <param name="withTable">Whether it matters if the image holds data; else it is taken to hold some.</param>
    public static Qcow2Header? ReadHeader(IHost host, string path, bool withTable = false)
    {
        try
        {
            using var ahead = host.ReadAhead([path]);
            if (host.Stat(path, followLink: true) is not ({ IsRegularFile: true } or { IsBlockDevice: true }))
            {
                return null;
            }

            var head = host.ReadHead(path, Qcow2Header.HeadLength);
            if (!Qcow2Header.IsQcow2(head))
            {
                return null;
            }

            var length = withTable ? Qcow2Header.LengthWithTable(head) : Qcow2Header.LengthWithBackingFile(head);
            return Qcow2Header.Parse(length > head.Length ? host.ReadHead(path, length) : head);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// The path that a backing file's name leads to, in each way that QEMU lets it be written; null where it is no path at all, or none that a file could have.
    /// </summary>
    /// <param name="image">The image's path, an absolute one.</param>
    /// <param name="backingFile">The name in it, which may be anything.</param>
    public static string? Resolve(string image, string? backingFile)
    {
        const string json = "json:";
        const string file = "file:";

        // Each may stand before the other, any number of times.
        var name = backingFile;
        while (name is not null && (name.StartsWith(json, StringComparison.Ordinal) || name.StartsWith(file, StringComparison.Ordinal)))
        {
            name = name.StartsWith(json, StringComparison.Ordinal) ? ReadFileName(name[json.Length..]) : name[file.Length..];
        }

        return name is not { Length: > 0 } || !HostPath.CanExist(name) || (name[0] != '/' && name.Split('/')[0].Contains(':', StringComparison.Ordinal)) ? null
            : name[0] == '/' ? name
            : Path.GetDirectoryName(image) is { Length: > 0 } folder && Path.GetFullPath(name, folder) is var path && HostPath.CanExist(path) ? path : null;
    }

    /// <summary>QEMU takes <c>{"file":{"filename":…}}</c> and <c>{"file.filename":…}</c> alike.</summary>
    private static string? ReadFileName(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var node = document.RootElement;
            while (node.ValueKind == JsonValueKind.Object)
            {
                var name = node.EnumerateObject().FirstOrDefault(property =>
                    property.Name == "filename" || property.Name.EndsWith(".filename", StringComparison.Ordinal));
                if (name.Value.ValueKind == JsonValueKind.String)
                {
                    return name.Value.GetString();
                }

                if (!node.TryGetProperty("file", out node))
                {
                    return null;
                }
            }
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            // Nothing that QEMU could open. Half of a surrogate pair is no JsonException.
        }

        return null;
    }

    /// <summary>A base that has no path is named by no image: libvirt keeps it in the definition alone.</summary>
    private static IReadOnlyList<DiskSource> WithNetworkBase(IReadOnlyList<DiskSource> images, VmDisk disk)
    {
        var rest = disk.BackingChain.Skip(images.Count - 1).ToList();
        return rest is [{ HasPath: false }, ..] ? [.. images, .. rest] : images;
    }

    /// <summary>What stands at a path, links followed; null also where that cannot be told.</summary>
    public static FileFacts? TryStat(IHost host, string path)
    {
        try
        {
            return host.Stat(path, followLink: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static DiskSource? ReadBacking(IHost host, DiskSource layer)
    {
        if (layer.Path is null || layer.Format is not (null or "qcow2") || ReadHeader(host, layer.Path) is not { BackingFile: not null } header)
        {
            return null;
        }

        var path = Resolve(layer.Path, header.BackingFile);
        return path is null
            ? null
            : DiskSource.ForPath(path, header.BackingFormat, TryStat(host, path) is { IsBlockDevice: true });
    }
}
