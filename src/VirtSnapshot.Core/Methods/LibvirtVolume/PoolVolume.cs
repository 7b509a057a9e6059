using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>A volume in a storage pool of libvirt, as its XML describes it.</summary>
/// <param name="Pool">The pool's name.</param>
/// <param name="PoolType"><c>dir</c>, <c>logical</c> …</param>
/// <param name="PoolPath">The directory of its volumes on the host.</param>
/// <param name="PoolFree">Bytes.</param>
/// <param name="Name">The volume's name.</param>
/// <param name="Path">Its path on the host.</param>
/// <param name="Format">The format that libvirt has detected.</param>
/// <param name="Capacity">Virtual size in bytes.</param>
/// <param name="Allocation">Allocated bytes.</param>
/// <param name="IsEncrypted">Whether it is encrypted.</param>
/// <param name="Backing">The path of its backing image, or of the origin of an LVM snapshot; null where it has none.</param>
/// <param name="Permissions">Owner and mode, as in libvirt's XML; null where the XML has none.</param>
internal sealed record PoolVolume(
    string Pool,
    string PoolType,
    string PoolPath,
    long PoolFree,
    string Name,
    string Path,
    string Format,
    long Capacity,
    long Allocation,
    bool IsEncrypted,
    string? Backing,
    XElement? Permissions)
{
    public bool IsFile => PoolType is "dir" or "fs" or "netfs";

    public bool IsLogical => PoolType == "logical";

    /// <summary>A disk's own volume.</summary>
    /// <returns>Null where no running pool lists the disk's path.</returns>
    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c>: libvirt's XML is invalid. Other ids: libvirt's call failed.</exception>
    public static PoolVolume? Find(LibvirtDomain native, VmDisk disk)
    {
        try
        {
            return disk.Source.Path is { } path ? Find(native.Connection, path) : null;
        }
        catch (LibvirtException e)
        {
            throw LibvirtFailure.Explain(e, disk, $"looking for the volume of disk '{disk.Target}' of domain '{disk.Domain}'", "Nothing was touched.");
        }
    }

    /// <returns>Null where no running pool lists the path.</returns>
    /// <exception cref="LibvirtException">libvirt's call failed.</exception>
    public static PoolVolume? Find(LibvirtConnection connection, string path) =>
        connection.FindVolume(path) is { } found ? Read(found.Volume, found.Pool) : null;

    /// <summary>All volumes of running pools.</summary>
    /// <exception cref="LibvirtException">libvirt's call failed.</exception>
    public static IEnumerable<PoolVolume> FindAll(LibvirtConnection connection) =>
        connection.ListVolumes().Select(found => Read(found.Volume, found.Pool));

    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c>.</exception>
    internal static PoolVolume Read(string volume, string pool)
    {
        try
        {
            return Read(SafeXml.Parse(volume), SafeXml.Parse(pool));
        }
        catch (Exception e) when (e is XmlException or FormatException)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidData,
                "StorageUnreadable",
                volume,
                $"libvirt's XML of a volume is invalid: {e.Message}. Nothing was touched. The XML is: {volume}",
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
            Text(volume.Element("name")),
            Text(target?.Element("path")),
            (string?)target?.Element("format")?.Attribute("type") ?? "raw",
            Bytes(volume.Element("capacity")),
            Bytes(volume.Element("allocation")),
            volume.Descendants("encryption").Any(),
            (string?)volume.Element("backingStore")?.Element("path"),
            target?.Element("permissions"));
    }

    private static string Text(XElement? element) =>
        element?.Value is { Length: > 0 } text ? text : throw new FormatException("a name or path is missing");

    private static long Bytes(XElement? element) =>
        (string?)element?.Attribute("unit") is null or "bytes"
        && long.TryParse(element?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes)
            ? bytes
            : throw new FormatException("a size is missing");
}
