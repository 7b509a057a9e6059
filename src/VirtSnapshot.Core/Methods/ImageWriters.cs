using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Methods.LibvirtVolume;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods;

/// <summary>
/// The images that the disks of all domains of a connection write to, in their live and stored definitions. Backing images are not included, so no image is
/// opened: this is much cheaper than <see cref="ImageUse"/>. It is read once for many images.
/// </summary>
internal sealed class ImageWriters
{
    private readonly List<ImageWriter> writers = [];
    private ILookup<string, ImageWriter>? byPath;
    private ILookup<(ulong Device, ulong Inode), ImageWriter>? byFile;

    private ImageWriters()
    {
    }

    /// <param name="request">The domain.</param>
    /// <param name="skipped">Receives the names of domains that do not respond. If it is null, they are waited for.</param>
    public static ImageWriters Read(MethodRequest request, Action<string>? skipped = null)
    {
        var volumePath = DomainReader.VolumePaths(request.Native.Connection.Uri);
        var read = new ImageWriters();
        read.writers.AddRange(DomainSurvey.ReadAll(request.Native.Connection, native => Of(native, volumePath), skipped).SelectMany(found => found));
        read.byPath = read.writers.Where(writer => writer.Source.HasPath).ToLookup(writer => writer.Source.Path!, StringComparer.Ordinal);
        var paths = read.byPath.Select(found => found.Key).ToList();
        using var ahead = request.Host.ReadAhead(paths);
        read.byFile = paths
            .Select(path => (Path: path, Facts: TryStat(request.Host, path)))
            .Where(found => found.Facts is not null)
            .SelectMany(found => read.byPath[found.Path], (found, writer) => (found.Facts!.Identity, Writer: writer))
            .ToLookup(found => found.Identity, found => found.Writer);
        return read;
    }

    /// <summary>Another domain's disk that writes to one of several images, preferably of a running domain. Null if there is none.</summary>
    /// <param name="request">The domain, which may write to them itself.</param>
    /// <param name="images">The images.</param>
    public ImageWriter? Find(MethodRequest request, params IEnumerable<DiskSource> images) => images
        .SelectMany(image => Find(request, image))
        .Where(writer => writer.DomainUuid != request.Domain.Uuid)
        .MaxBy(writer => writer.IsRunning);

    private IEnumerable<ImageWriter> Find(MethodRequest request, DiskSource image)
    {
        if (image.Path is not { } path)
        {
            return writers.Where(writer => writer.Source.IsSameAs(image));
        }

        var named = byPath![path];
        if (request.Host.WhyNoShell is null)
        {
            return TryStat(request.Host, path) is { } facts ? named.Concat(byFile![facts.Identity]) : named;
        }

        // Only libvirt can determine whether two paths are the same device.
        return named.Concat(byPath.Where(other => VolumeUse.IsSame(request.Native.Connection, other.Key, path)).SelectMany(other => other));
    }

    /// <summary>A file that is not accessible is identified by its path only.</summary>
    private static FileFacts? TryStat(IHost host, string path)
    {
        try
        {
            return host.WhyNoShell is null ? host.Stat(path, followLink: true) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static List<ImageWriter> Of(LibvirtDomain native, Func<string, string, string?> volumePath)
    {
        try
        {
            var current = SafeXml.ParseWithoutMetadata(native.CurrentXml());
            var isRunning = current.Attribute("id") is not null;
            var (name, uuid) = (native.Name, native.Uuid);

            // The stored definition of a transient domain is its live definition.
            return isRunning ? [.. Read(current, true), .. Read(SafeXml.ParseWithoutMetadata(native.StoredXml()), false)] : [.. Read(current, false)];

            IEnumerable<ImageWriter> Read(XElement definition, bool runs) => (definition.Element("devices")?.Elements("disk") ?? [])
                .Where(disk => disk.Element("readonly") is null && disk.Element("transient") is null && (string?)disk.Attribute("device") != "cdrom")
                .Select(disk => new ImageWriter(
                    uuid, name, (string?)disk.Element("target")?.Attribute("dev") ?? "", DiskSource.Read(disk, null, volumePath), runs));
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomain)
        {
            // It no longer exists.
            return [];
        }
    }
}

/// <summary>A disk that writes to an image.</summary>
/// <param name="DomainUuid">Its domain.</param>
/// <param name="Domain">That domain's name.</param>
/// <param name="Target">The disk.</param>
/// <param name="Source">The image.</param>
/// <param name="IsRunning">Whether it writes now. Otherwise it writes after the next start of its domain.</param>
internal sealed record ImageWriter(Guid DomainUuid, string Domain, string Target, DiskSource Source, bool IsRunning)
{
    public override string ToString() => $"disk '{Target}' of domain '{Domain}'";
}
