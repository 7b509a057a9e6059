using System.Collections.Concurrent;
using VirtSnapshot.Native;

namespace VirtSnapshot.Libvirt;

/// <summary>
/// Keeps connections open for reuse at the same URI, and replaces dead ones. A connection has one user at a time: before version 10,
/// libvirt's client could lose the wake-up of a second thread's call, which then waited seconds for the next message
/// from the daemon ("rpc: fix race in waking up client event loop").
/// </summary>
internal static class ConnectionPool
{
    private static readonly ConcurrentDictionary<string, ConcurrentBag<LibvirtConnection>> Idle = new(StringComparer.Ordinal);

    // libvirt's mock driver runs in this process: it has no client event loop, and each connection would have its own set of domains.
    private static readonly ConcurrentDictionary<string, Lazy<LibvirtConnection>> Mocks = new(StringComparer.Ordinal);

    /// <summary>Rents a connection for exclusive use until it is disposed of.</summary>
    public static RentedConnection Rent(string uri)
    {
        if (uri.StartsWith("test:", StringComparison.Ordinal))
        {
            return new RentedConnection(
                Mocks.GetOrAdd(uri, static uri => new Lazy<LibvirtConnection>(() => LibvirtConnection.Open(uri), LazyThreadSafetyMode.PublicationOnly)).Value,
                isShared: true);
        }

        var idle = Idle.GetOrAdd(uri, static _ => []);
        while (idle.TryTake(out var kept))
        {
            if (kept.IsAlive)
            {
                return new RentedConnection(kept, isKept: true);
            }

            kept.Dispose();
        }

        return new RentedConnection(LibvirtConnection.Open(uri));
    }

    /// <summary>
    /// Rents a connection and makes a first call on it. libvirt may not have detected the loss of an idle connection; if the first call
    /// fails for that reason, it is repeated on another connection.
    /// </summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="first">The first call; it must not change anything.</param>
    public static T Rent<T>(string uri, Func<RentedConnection, T> first)
    {
        while (true)
        {
            var rented = Rent(uri);
            try
            {
                return first(rented);
            }
            catch (LibvirtException) when (rented.IsKept && !rented.Connection.IsAlive)
            {
                rented.Abandon();
            }
            catch
            {
                rented.Dispose();
                throw;
            }
        }
    }

    public static void Return(LibvirtConnection connection) => Idle.GetOrAdd(connection.Uri, static _ => []).Add(connection);
}
