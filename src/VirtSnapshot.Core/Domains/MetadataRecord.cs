using System.Text;
using System.Xml.Linq;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Domains;

/// <summary>
/// Reads and writes our records in a domain's <c>&lt;metadata&gt;</c>. libvirt wants the root without namespace and
/// prefix, and adds both itself; inside, everything but white space survives.
/// </summary>
internal static class MetadataRecord
{
    /// <summary>All records of ours in one domain, in bytes. libvirt's own limit is its RPC's message; 3.9 MB broke dumpxml.</summary>
    public const int MaxTotalBytes = 256 * 1024;

    private const string Prefix = "virtsnapshot";

    public static XElement? Find(XElement domain, string uri) =>
        domain.Element("metadata")?.Elements().FirstOrDefault(element => element.Name.NamespaceName == uri);

    public static IEnumerable<XElement> FindAll(XElement domain, string uriPrefix) =>
        (domain.Element("metadata")?.Elements() ?? [])
        .Where(element => element.Name.NamespaceName.StartsWith(uriPrefix, StringComparison.Ordinal));

    /// <exception cref="VirtSnapshotException"><c>MetadataFull</c>: the domain's records have no room for this one.</exception>
    public static void Write(LibvirtDomain native, VmDomain domain, string uri, XElement record)
    {
        var text = record.ToString(SaveOptions.DisableFormatting);
        var others = FindAll(domain.Root, "")
            .Where(element => MetadataUri.IsOurs(element.Name.NamespaceName) && element.Name.NamespaceName != uri)
            .Sum(element => Encoding.UTF8.GetByteCount(element.ToString(SaveOptions.DisableFormatting)));
        if (others + Encoding.UTF8.GetByteCount(text) > MaxTotalBytes)
        {
            throw new VirtSnapshotException(
                FailureKind.QuotaExceeded,
                "MetadataFull",
                domain,
                $"The snapshot records kept with domain '{domain.Name}' would exceed {MaxTotalBytes / 1024} KiB. "
                + "Remove snapshots that are no longer needed with Remove-DiskSnapshot.");
        }

        native.SetMetadata(text, Prefix, uri, domain.Definitions);
    }

    public static void Delete(LibvirtDomain native, VmDomain domain, string uri)
    {
        try
        {
            native.SetMetadata(null, null, uri, domain.Definitions);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomainMetadata)
        {
            // Gone already is what was asked for.
        }
    }
}
