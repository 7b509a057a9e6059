using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Hosts;

/// <summary>Finds the host behind a connection.</summary>
internal static class HostFinder
{
    /// <summary>The host whose files and programs the domain's hypervisor uses.</summary>
    /// <exception cref="VirtSnapshotException"><c>RemoteHostNotSupported</c>: it is another machine than this one.</exception>
    public static IHost For(LibvirtConnection connection, VmDomain domain) => IsLocal(connection)
        ? new LocalHost(connection.Uri)
        : throw new VirtSnapshotException(
            FailureKind.NotImplemented,
            "RemoteHostNotSupported",
            domain,
            $"The hypervisor behind '{connection.Uri}' runs on another machine ('{connection.Hostname}'), whose files cannot be "
            + "reached from here yet. Nothing was touched. Run this command on that machine.");

    /// <summary>The host of a domain.</summary>
    /// <exception cref="VirtSnapshotException">As above; <c>LibvirtUnreachable</c>.</exception>
    public static IHost For(VmDomain domain)
    {
        using var rented = ConnectionPool.Rent(domain.Uri);
        return For(rented.Connection, domain);
    }

    /// <summary>
    /// A server in the URI means elsewhere, be it behind an alias of libvirt's configuration; so does a forwarded socket, which
    /// the daemon's own host name gives away.
    /// </summary>
    public static bool IsLocal(LibvirtConnection connection) =>
        !HasServer(connection.Uri) && !HasServer(connection.RealUri) && IsThisMachine(connection.Hostname, Environment.MachineName);

    internal static bool HasServer(string uri) =>
        Uri.TryCreate(uri, UriKind.Absolute, out var parsed) && parsed.Authority.Length > 0;

    /// <summary>One side may have its name with its domain and the other without.</summary>
    internal static bool IsThisMachine(string hostname, string own) => hostname.Contains('.', StringComparison.Ordinal) && own.Contains('.', StringComparison.Ordinal)
        ? string.Equals(hostname, own, StringComparison.OrdinalIgnoreCase)
        : string.Equals(hostname.Split('.')[0], own.Split('.')[0], StringComparison.OrdinalIgnoreCase);
}
