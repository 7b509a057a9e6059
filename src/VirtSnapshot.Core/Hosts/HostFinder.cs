using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Hosts;

/// <summary>Finds the host behind a connection.</summary>
internal static class HostFinder
{
    /// <summary>The host whose files and programs the domain's hypervisor uses: one that only libvirt reaches, where it is another machine and no ssh leads there.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="subject">What errors of the host are about.</param>
    public static IHost For(LibvirtConnection connection, object subject) => IsLocal(connection)
        ? new LocalHost(connection.Uri)
        : ForRemote(connection.Uri, connection.RealUri, connection.Hostname, subject);

    /// <summary>The host behind a URI.</summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="subject">What errors of the host are about.</param>
    /// <exception cref="VirtSnapshotException"><c>LibvirtUnreachable</c>.</exception>
    public static IHost For(string uri, object subject)
    {
        var (rented, host) = ConnectionPool.Rent(uri, rented => (rented, For(rented.Connection, subject)));
        rented.Dispose();
        return host;
    }

    /// <summary>
    /// A server in the URI means elsewhere, be it behind an alias of libvirt's configuration; so does a forwarded socket, which
    /// the daemon's own host name gives away.
    /// </summary>
    public static bool IsLocal(LibvirtConnection connection) =>
        !HasServer(connection.Uri) && !HasServer(connection.RealUri) && IsThisMachine(connection.Hostname, Environment.MachineName);

    internal static bool HasServer(string uri) => LibvirtUri.TryParse(uri) is { HasServer: true };

    /// <summary>One side may have its name with its domain and the other without.</summary>
    internal static bool IsThisMachine(string hostname, string own) => hostname.Contains('.', StringComparison.Ordinal) && own.Contains('.', StringComparison.Ordinal)
        ? string.Equals(hostname, own, StringComparison.OrdinalIgnoreCase)
        : string.Equals(hostname.Split('.')[0], own.Split('.')[0], StringComparison.OrdinalIgnoreCase);

    internal static IHost ForRemote(string asked, string real, string hostname, object subject)
    {
        // What was asked for may be an alias of libvirt's configuration.
        var uri = LibvirtUri.TryParse(real) is { HasServer: true } resolved ? resolved : LibvirtUri.TryParse(asked);
        return uri switch
        {
            { HasServer: true, IsOverSsh: true } => new SshHost(SshConnection.To(SshAddress.Of(uri)), uri.OnItsHost, uri.IsSession),
            { HasServer: true } => new LibvirtOnlyHost(hostname, asked, $"'{uri.Transport ?? "tls"}' leads to libvirt there", subject),
            _ => new LibvirtOnlyHost(hostname, asked, "its socket, forwarded to this machine, leads to libvirt there", subject),
        };
    }
}
