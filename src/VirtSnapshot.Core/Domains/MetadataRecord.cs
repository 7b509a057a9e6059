using System.Text;
using System.Xml.Linq;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Domains;

/// <summary>
/// Reads and writes this module's records in a domain's <c>&lt;metadata&gt;</c>. libvirt requires a root element without namespace and
/// prefix, and adds both; the content is preserved except white space.
/// </summary>
internal static class MetadataRecord
{
    /// <summary>The maximum size of all records of a domain, in bytes. libvirt's limit is the size of an RPC message; 3.9 MB broke dumpxml.</summary>
    public const int MaxTotalBytes = 256 * 1024;

    private const string Prefix = "virtsnapshot";

    public static XElement? Find(XElement domain, string uri) =>
        Raw(domain).Where(element => element.Name.NamespaceName == uri).Select(WithoutOurNamespace).FirstOrDefault();

    public static IEnumerable<(string Uri, XElement Record)> FindAll(XElement domain, string uriPrefix) => Raw(domain)
        .Where(element => element.Name.NamespaceName.StartsWith(uriPrefix, StringComparison.Ordinal))
        .Select(element => (element.Name.NamespaceName, WithoutOurNamespace(element)));

    /// <summary>Removes records from a copy of a definition.</summary>
    public static void RemoveAll(XElement domain, Predicate<string> isRemoved) =>
        Raw(domain).Where(element => isRemoved(element.Name.NamespaceName)).ToList().ForEach(element => element.Remove());

    /// <exception cref="VirtSnapshotException"><c>MetadataFull</c>: the record would exceed the size limit of the domain's records.</exception>
    public static void Write(LibvirtDomain native, VmDomain domain, string uri, XElement record)
    {
        var text = SafeXml.ToText(record);
        var others = Raw(domain.Root)
            .Where(element => MetadataUri.IsOurs(element.Name.NamespaceName) && element.Name.NamespaceName != uri)
            .Sum(element => Encoding.UTF8.GetByteCount(SafeXml.ToText(element)));
        if (others + Encoding.UTF8.GetByteCount(text) > MaxTotalBytes)
        {
            throw new VirtSnapshotException(
                FailureKind.QuotaExceeded,
                "MetadataFull",
                domain,
                $"The snapshot records kept with domain '{domain.Name}' would exceed {MaxTotalBytes / 1024} KiB. "
                + "Remove snapshots that are no longer needed with Remove-DiskSnapshot.");
        }

        Set(native, domain, text, Prefix, uri);
    }

    public static void Delete(LibvirtDomain native, VmDomain domain, string uri)
    {
        try
        {
            Set(native, domain, null, null, uri);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomainMetadata)
        {
            // It is already deleted.
        }
    }

    /// <summary>
    /// Writes to all definitions that exist now. If the domain is started or stopped after it was read, its live and stored definition must still
    /// have the same records.
    /// </summary>
    private static void Set(LibvirtDomain native, VmDomain domain, string? text, string? prefix, string uri)
    {
        var definitions = Existing(domain.IsActive, domain.IsPersistent);
        try
        {
            native.SetMetadata(text, prefix, uri, definitions);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.OperationInvalid)
        {
            definitions = Existing(native.IsActive, native.IsPersistent);
            native.SetMetadata(text, prefix, uri, definitions);
        }

        if (definitions == Definition.Stored && native.IsActive)
        {
            native.SetMetadata(text, prefix, uri, Definition.Live);
        }
    }

    private static Definition Existing(bool isActive, bool isPersistent) => (isActive ? Definition.Live : 0) | (isPersistent ? Definition.Stored : 0);

    private static IEnumerable<XElement> Raw(XElement domain) => domain.Element("metadata")?.Elements() ?? [];

    /// <summary>libvirt puts child elements without a namespace into the record's namespace. This removes it.</summary>
    private static XElement WithoutOurNamespace(XElement record)
    {
        var added = record.Name.Namespace;
        var copy = new XElement(record);
        foreach (var element in copy.DescendantsAndSelf().Where(element => element.Name.Namespace == added))
        {
            element.Name = element.Name.LocalName;
        }

        copy.DescendantsAndSelf().Attributes().Where(attribute => attribute.IsNamespaceDeclaration && attribute.Value == added.NamespaceName).Remove();
        return copy;
    }
}

/// <summary>
/// The namespace URIs of the records in a domain's metadata. libvirt replaces a record by its URI and has no
/// compare-and-swap, so each record has its own URI, and two writers never overwrite each other's records.
/// </summary>
internal static class MetadataUri
{
    public const string Journal = Root + "journal";
    public const string SetPrefix = Root + "set:";
    private const string Root = "urn:virtsnapshot:1:";

    public static string Method(string target) => $"{Root}method:{Uri.EscapeDataString(target)}";

    public static string Set(Guid group) => SetPrefix + group.ToString("D");

    public static bool IsOurs(string uri) => uri.StartsWith(Root, StringComparison.Ordinal);
}
