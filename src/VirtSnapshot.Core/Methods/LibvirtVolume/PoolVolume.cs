using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>A disk's volume in one of libvirt's storage pools, as libvirt describes it.</summary>
/// <param name="Pool">The pool's name.</param>
/// <param name="PoolType"><c>dir</c>, <c>logical</c> …</param>
/// <param name="PoolPath">Where its volumes appear on the host.</param>
/// <param name="PoolFree">Bytes.</param>
/// <param name="Path">The volume's path on the host.</param>
/// <param name="Format">What libvirt takes its content for, having looked at it.</param>
/// <param name="Capacity">Bytes, as the guest sees them.</param>
/// <param name="Allocation">Bytes that it takes.</param>
/// <param name="IsEncrypted">Whether only a secret opens it.</param>
/// <param name="HasBacking">Whether it stands on another volume: a backing image, the origin of an LVM snapshot.</param>
internal sealed record PoolVolume(
    string Pool, string PoolType, string PoolPath, long PoolFree, string Path, string Format, long Capacity, long Allocation, bool IsEncrypted, bool HasBacking)
{
    public bool IsFile => PoolType is "dir" or "fs" or "netfs";

    public bool IsLogical => PoolType == "logical";

    /// <returns>Null where no running pool knows the disk's path.</returns>
    /// <exception cref="LibvirtException">libvirt does not answer.</exception>
    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c>: its answer makes no sense.</exception>
    public static PoolVolume? Find(LibvirtConnection connection, VmDisk disk)
    {
        if (disk.Source.Path is not { } path || connection.FindVolume(path) is not { } found)
        {
            return null;
        }

        try
        {
            return Read(SafeXml.Parse(found.Volume), SafeXml.Parse(found.Pool));
        }
        catch (Exception e) when (e is XmlException or FormatException)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidData,
                "StorageUnreadable",
                disk,
                $"What libvirt says of the volume '{path}' of disk '{disk.Target}' of domain '{disk.Domain}' cannot be understood: {e.Message}. Nothing was touched.",
                e);
        }
    }

    private static PoolVolume Read(XElement volume, XElement pool)
    {
        var target = volume.Element("target");
        return new PoolVolume(
            Text(pool.Element("name")),
            (string?)pool.Attribute("type") ?? "",
            Text(pool.Element("target")?.Element("path")),
            Bytes(pool.Element("available")),
            Text(target?.Element("path")),
            (string?)target?.Element("format")?.Attribute("type") ?? "raw",
            Bytes(volume.Element("capacity")),
            Bytes(volume.Element("allocation")),
            volume.Descendants("encryption").Any(),
            volume.Element("backingStore")?.Element("path") is not null);
    }

    private static string Text(XElement? element) => element?.Value is { Length: > 0 } text ? text : throw new FormatException("a name or path is missing");

    private static long Bytes(XElement? element) =>
        (string?)element?.Attribute("unit") is null or "bytes" && long.TryParse(element?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes)
            ? bytes
            : throw new FormatException("a size is missing");
}
