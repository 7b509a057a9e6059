namespace VirtSnapshot.Domains;

/// <summary>
/// The namespaces under which our records lie in a domain's metadata. libvirt replaces a record by its URI and has no
/// compare-and-swap, so each record has a URI of its own and two writers never overwrite each other's.
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
