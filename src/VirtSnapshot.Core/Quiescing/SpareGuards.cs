using System.Collections.Concurrent;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Quiescing;

/// <summary>
/// Guards that are started in advance: starting a guard and testing its access is the slowest step before a freeze. After a run, a guard is
/// started for the next run at the same URI. It ends if there is none soon, or with this process.
/// </summary>
internal sealed class SpareGuards(bool isEnabled = true)
{
    private static readonly TimeSpan KeepFor = TimeSpan.FromSeconds(30);
    private readonly ConcurrentDictionary<string, IHostScript> spares = new(StringComparer.Ordinal);

    // Counts the calls of Release: a spare guard whose start began before one is not kept.
    private int releases;

    public IHostScript? Take(string uri) => spares.TryRemove(uri, out var spare) ? spare : null;

    /// <summary>Starts a guard in the background, one for each URI.</summary>
    public void Make(IHost host, string uri, string script)
    {
        if (isEnabled && !spares.ContainsKey(uri))
        {
            var before = Volatile.Read(ref releases);
            _ = Task.Run(() => KeepAsync(host, uri, script, before));
        }
    }

    /// <summary>Ends all spare guards, also those that are being started.</summary>
    public void Release()
    {
        Interlocked.Increment(ref releases);
        foreach (var uri in spares.Keys)
        {
            Take(uri)?.Dispose();
        }
    }

    private async Task KeepAsync(IHost host, string uri, string script, int releasesBefore)
    {
        IHostScript spare;
        try
        {
            spare = host.StartScript(script, [FreezeGuard.ProcessName, host.HypervisorUri, "spare"]);
        }
        catch (VirtSnapshotException)
        {
            // The next run starts its own guard, and reports the error.
            return;
        }

        if (!spares.TryAdd(uri, spare))
        {
            spare.Dispose();
            return;
        }

        if (Volatile.Read(ref releases) == releasesBefore)
        {
            await Task.Delay(KeepFor).ConfigureAwait(false);
        }

        if (spares.TryRemove(KeyValuePair.Create(uri, spare)))
        {
            spare.Dispose();
        }
    }
}
