using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Hosts;

/// <summary>Finds the host behind a connection.</summary>
internal static class HostFinder
{
    /// <summary>
    /// The host whose files and programs the domain's hypervisor uses. If it is another machine that the URI does not reach over ssh, only libvirt is
    /// available there.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="subject">The target object of the host's errors.</param>
    public static IHost For(LibvirtConnection connection, object subject) => IsLocal(connection)
        ? new LocalHost(connection.Uri)
        : ForRemote(connection.Uri, connection.RealUri, connection.Hostname, subject);

    /// <summary>The host behind a URI.</summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="subject">The target object of the host's errors.</param>
    /// <exception cref="VirtSnapshotException"><c>LibvirtUnreachable</c>.</exception>
    public static IHost For(string uri, object subject)
    {
        var (rented, host) = ConnectionPool.Rent(uri, rented => (rented, For(rented.Connection, subject)));
        rented.Dispose();
        return host;
    }

    /// <summary>
    /// Whether the hypervisor runs on this machine. It does not if the URI, or the one that an alias of libvirt's configuration resolves to, names a
    /// server, or if the daemon reports another host name (a forwarded socket).
    /// </summary>
    public static bool IsLocal(LibvirtConnection connection) =>
        !HasServer(connection.Uri) && !HasServer(connection.RealUri) && IsThisMachine(connection.Hostname, Environment.MachineName);

    internal static bool HasServer(string uri) => LibvirtUri.TryParse(uri) is { HasServer: true };

    /// <summary>Compares host names, of which one may include its DNS domain and the other may not.</summary>
    internal static bool IsThisMachine(string hostname, string own) =>
        hostname.Contains('.', StringComparison.Ordinal) && own.Contains('.', StringComparison.Ordinal)
            ? string.Equals(hostname, own, StringComparison.OrdinalIgnoreCase)
            : string.Equals(hostname.Split('.')[0], own.Split('.')[0], StringComparison.OrdinalIgnoreCase);

    internal static IHost ForRemote(string given, string real, string hostname, object subject)
    {
        // The given URI may be an alias of libvirt's configuration.
        var uri = LibvirtUri.TryParse(real) is { HasServer: true } resolved ? resolved : LibvirtUri.TryParse(given);
        return uri switch
        {
            { HasServer: true, IsOverSsh: true } => new SshHost(SshConnection.To(SshAddress.Of(uri)), uri.OnItsHost, uri.IsSession),
            { HasServer: true } => new LibvirtOnlyHost(hostname, given, $"'{uri.Transport ?? "tls"}' gives access only to libvirt", subject),
            _ => new LibvirtOnlyHost(hostname, given, "the forwarded socket gives access only to libvirt", subject),
        };
    }
}
