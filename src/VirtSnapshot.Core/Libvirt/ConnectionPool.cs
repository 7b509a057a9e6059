using System.Collections.Concurrent;

namespace VirtSnapshot.Libvirt;

/// <summary>One connection per URI for the whole process; one that has died is replaced when it is asked for again.</summary>
internal static class ConnectionPool
{
    private static readonly ConcurrentDictionary<string, Slot> Slots = new(StringComparer.Ordinal);

    public static LibvirtConnection Get(string uri) => Slots.GetOrAdd(uri, static uri => new Slot(uri)).Get();

    private sealed class Slot(string uri)
    {
        private readonly object opening = new();
        private LibvirtConnection? connection;

        public LibvirtConnection Get()
        {
            lock (opening)
            {
                if (connection is { IsAlive: true })
                {
                    return connection;
                }

                // Others may still be inside a call on the old one: its handles are freed when the last of them lets go.
                connection = null;
                return connection = LibvirtConnection.Open(uri);
            }
        }
    }
}
