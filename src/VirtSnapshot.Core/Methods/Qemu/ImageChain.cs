using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// The layers of a disk, the one that is written first. A running domain's are in its XML; a shut-off domain's are not,
/// and are read from the images.
/// </summary>
internal static class ImageChain
{
    // libvirt itself gives up at 200 layers; so does a loop.
    private const int MaxLayers = 200;

    public static IReadOnlyList<DiskSource> Of(IHost host, VmDomain domain, VmDisk disk) =>
        domain.IsActive ? [disk.Source, .. disk.BackingChain] : FromImages(host, disk.Source);

    public static IReadOnlyList<DiskSource> FromImages(IHost host, DiskSource top)
    {
        var chain = new List<DiskSource> { top };
        while (chain.Count < MaxLayers && ReadBacking(host, chain[^1]) is { } backing)
        {
            chain.Add(backing);
        }

        return chain;
    }

    public static Qcow2Header? ReadHeader(IHost host, string path)
    {
        try
        {
            if (host.Stat(path, followLink: true) is not ({ IsRegularFile: true } or { IsBlockDevice: true }))
            {
                return null;
            }

            var head = host.ReadHead(path, Qcow2Header.HeadLength);
            var length = Qcow2Header.LengthWithTable(head);
            return Qcow2Header.Parse(length > head.Length ? host.ReadHead(path, length) : head);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The path that a backing file's name leads to; null where it is not a path.</summary>
    public static string? Resolve(string image, string? backingFile) => backingFile switch
    {
        null => null,
        _ when backingFile.StartsWith('/') => backingFile,
        _ when backingFile.Contains(':', StringComparison.Ordinal) => null,
        _ => Path.GetFullPath(backingFile, Path.GetDirectoryName(image)!),
    };

    private static DiskSource? ReadBacking(IHost host, DiskSource layer)
    {
        if (layer.Path is null || layer.Format is not (null or "qcow2") || ReadHeader(host, layer.Path) is not { BackingFile: not null } header)
        {
            return null;
        }

        var path = Resolve(layer.Path, header.BackingFile);
        return path is null
            ? null
            : DiskSource.ForPath(path, header.BackingFormat, host.Stat(path, followLink: true) is { IsBlockDevice: true });
    }
}
