using System.Globalization;

namespace VirtSnapshot.Hosts;

/// <summary>A parsed libvirt URI: https://libvirt.org/uri.html. .NET's Uri is not used, since it converts host names to lower case.</summary>
/// <param name="Driver">The hypervisor's driver: <c>qemu</c>.</param>
/// <param name="Transport">The text after the plus sign.</param>
/// <param name="User">The user on the remote host.</param>
/// <param name="Server">The remote host; empty for the local one.</param>
/// <param name="Port">The port.</param>
/// <param name="Path">The path with its slash: <c>/system</c>.</param>
/// <param name="Parameters">The query parameters.</param>
internal sealed record LibvirtUri(
    string Driver, string? Transport, string? User, string Server, int? Port, string Path, IReadOnlyDictionary<string, string> Parameters)
{
    private static readonly string[] KeptParameters = ["socket", "mode"];

    public bool HasServer => Server.Length > 0;

    /// <summary>Whether the transport is ssh, with any of libvirt's implementations.</summary>
    public bool IsOverSsh => Transport is "ssh" or "libssh" or "libssh2";

    /// <summary>Whether it is a user's session daemon, which needs no root permission.</summary>
    public bool IsSession => OnItsHost.Split('?')[0].EndsWith("/session", StringComparison.Ordinal);

    /// <summary>The URI of the same hypervisor for programs on its host.</summary>
    public string OnItsHost
    {
        get
        {
            var own = KeptParameters
                .Where(Parameters.ContainsKey)
                .Select(name => $"{name}={Uri.EscapeDataString(Parameters[name]).Replace("%2F", "/", StringComparison.Ordinal)}")
                .ToList();
            var name = Parameters.GetValueOrDefault("name") ?? $"{Driver}://{Path}";
            return own.Count == 0 ? name : $"{name}{(name.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{string.Join('&', own)}";
        }
    }

    /// <returns>Null if the text is not a URI, for instance an alias.</returns>
    public static LibvirtUri? TryParse(string text)
    {
        var (scheme, rest) = Cut(text, "://");
        if (rest is null || scheme.Length == 0)
        {
            return null;
        }

        (rest, _) = Cut(rest, "#");
        (rest, var query) = Cut(rest, "?");
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var (authority, path) = slash < 0 ? (rest, "") : (rest[..slash], rest[slash..]);
        var at = authority.LastIndexOf('@');
        var (server, port) = SplitPort(authority[(at + 1)..]);
        var (driver, transport) = Cut(scheme, "+");
        return new LibvirtUri(
            driver,
            transport,
            at > 0 ? Uri.UnescapeDataString(authority[..at]) : null,
            Uri.UnescapeDataString(server),
            port,
            path,
            ReadParameters(query ?? ""));
    }

    private static Dictionary<string, string> ReadParameters(string query)
    {
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in query.Split('&', ';').Select(part => Cut(part, "=")))
        {
            parameters.TryAdd(Uri.UnescapeDataString(name), Uri.UnescapeDataString(value ?? ""));
        }

        return parameters;
    }

    /// <summary>Splits server and port. An IPv6 address is enclosed in brackets.</summary>
    private static (string Server, int? Port) SplitPort(string text)
    {
        var end = text.StartsWith('[') ? text.IndexOf(']', StringComparison.Ordinal) + 1 : text.IndexOf(':', StringComparison.Ordinal);
        end = end <= 0 ? text.Length : end;
        return (
            text[..end].Trim('[', ']'),
            int.TryParse(text.AsSpan(end).TrimStart(':'), NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? port : null);
    }

    private static (string Before, string? After) Cut(string text, string separator)
    {
        var at = text.IndexOf(separator, StringComparison.Ordinal);
        return at < 0 ? (text, null) : (text[..at], text[(at + separator.Length)..]);
    }
}
