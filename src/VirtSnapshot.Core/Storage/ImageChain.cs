using System.Text.Json;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Native;

namespace VirtSnapshot.Storage;

/// <summary>
/// The layers of a disk, the active one first. Those of an active domain are in its XML; those of a shut-off domain are read from
/// the images, since its XML may be incomplete or outdated. Only a base without a path (a network disk) is taken from the XML.
/// </summary>
internal static class ImageChain
{
    // libvirt's limit is 200 layers.
    private const int MaxLayers = 200;

    public static IReadOnlyList<DiskSource> Of(IHost host, VmDomain domain, VmDisk disk) => domain.IsActive
        ? [disk.Source, .. disk.BackingChain]
        : OfStored(host, disk);

    /// <summary>The layers of a disk that is not open in QEMU, whether or not its domain is active.</summary>
    public static IReadOnlyList<DiskSource> OfStored(IHost host, VmDisk disk) => WithNetworkBase(FromImages(host, disk.Source), disk);

    /// <summary>Each image once; a cyclic chain is cut at its first repetition.</summary>
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

    /// <summary>As <see cref="IHost.ReadAhead"/>, for images and their backing images: one round trip for each level of the chains.</summary>
    /// <param name="host">The host of the images.</param>
    /// <param name="tops">The images.</param>
    /// <param name="others">Other paths to query.</param>
    public static IDisposable ReadAhead(IHost host, IEnumerable<DiskSource> tops, IEnumerable<string>? others = null)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var layers = tops.Where(layer => layer.Path is not null && seen.Add(layer.Path)).ToList();
        var read = new ReadScope();
        var paths = layers.Select(layer => layer.Path!).Concat(others ?? []);
        while (host.ReadAhead(paths) is { } scope)
        {
            read.Add(scope);
            layers = [.. layers.Select(layer => ReadBacking(host, layer)).OfType<DiskSource>().Where(layer => seen.Add(layer.Path!))];
            paths = layers.Select(layer => layer.Path!);
        }

        return read;
    }

    /// <summary>
    /// Whether an image or one of its backing images is encrypted according to its header. A raw image has no header: a LUKS header in it
    /// may be data of the guest.
    /// </summary>
    public static bool IsEncrypted(IHost host, DiskSource top) => FromImages(host, top)
        .Any(layer => layer.Format == "luks" || (layer is { Path: { } path, Format: null or "qcow2" } && ReadHeader(host, path) is { IsEncrypted: true }));

    /// <param name="host">The host of the image.</param>
    /// <param name="path">The image.</param>
    /// <param name="withTable">
    /// Whether to read the first-level table, which shows whether the image contains data. Without it, the image counts as not empty.
    /// </param>
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
    /// Resolves a backing file's name to a path, in all notations of QEMU; null if it is not a path, or if no file can have that path.
    /// </summary>
    /// <param name="image">The absolute path of the image.</param>
    /// <param name="backingFile">The name in the image. It may be any string.</param>
    public static string? Resolve(string image, string? backingFile)
    {
        const string json = "json:";
        const string file = "file:";

        // The prefixes may be combined and repeated.
        var name = backingFile;
        while (name is not null && (name.StartsWith(json, StringComparison.Ordinal) || name.StartsWith(file, StringComparison.Ordinal)))
        {
            name = name.StartsWith(json, StringComparison.Ordinal) ? ReadFileName(name[json.Length..]) : name[file.Length..];
        }

        return name is not { Length: > 0 }
            || !HostPath.CanExist(name)
            || (name[0] != '/' && name.Split('/')[0].Contains(':', StringComparison.Ordinal)) ? null
            : name[0] == '/' ? name
            : Path.GetDirectoryName(image) is { Length: > 0 } folder && Path.GetFullPath(name, folder) is var path && HostPath.CanExist(path) ? path
            : null;
    }

    /// <summary>QEMU accepts <c>{"file":{"filename":…}}</c> and <c>{"file.filename":…}</c>.</summary>
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
            // QEMU cannot open it either. An unpaired surrogate does not cause a JsonException.
        }

        return null;
    }

    /// <summary>Adds a base without a path, which is not named in an image but only in libvirt's definition.</summary>
    private static IReadOnlyList<DiskSource> WithNetworkBase(IReadOnlyList<DiskSource> images, VmDisk disk)
    {
        var rest = disk.BackingChain.Skip(images.Count - 1).ToList();
        return rest is [{ HasPath: false }, ..] ? [.. images, .. rest] : images;
    }

    /// <summary>The attributes of a file, with links followed; null if it does not exist, or on failure.</summary>
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

/// <summary>Cached results of several round trips, which are disposed of together.</summary>
internal sealed class ReadScope(IDisposable? first = null) : IDisposable
{
    private readonly List<IDisposable?> scopes = [first];

    public void Add(IDisposable scope) => scopes.Add(scope);

    public void Dispose() => scopes.ForEach(scope => scope?.Dispose());
}
