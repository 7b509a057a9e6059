using System.Collections.Concurrent;
using VirtSnapshot.Native;

namespace VirtSnapshot.Libvirt;

/// <summary>
/// Keeps connections open for the next use at the same URI; one that has died is replaced when it is asked for again. Each user has one
/// to himself: before version 10, libvirt's client could lose the wake-up of a second thread's call, which then waited for the next
/// sign of life from the daemon, seconds later ("rpc: fix race in waking up client event loop").
/// </summary>
internal static class ConnectionPool
{
    private static readonly ConcurrentDictionary<string, ConcurrentBag<LibvirtConnection>> Idle = new(StringComparer.Ordinal);

    // libvirt's mock driver lives in this process: no wire, no wake-ups, and each connection would be a world of its own.
    private static readonly ConcurrentDictionary<string, Lazy<LibvirtConnection>> Mocks = new(StringComparer.Ordinal);

    /// <summary>A connection for the caller alone, until it is disposed of.</summary>
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
    /// A connection on which a first call has worked. libvirt may not know yet that a kept one is lost; its first call tells, and is made again on another.
    /// </summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="first">A call that changes nothing.</param>
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
