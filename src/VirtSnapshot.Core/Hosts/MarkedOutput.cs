using System.Diagnostics;

namespace VirtSnapshot.Hosts;

/// <summary>Collects the output of a process and finds the parts that marks enclose.</summary>
internal sealed class MarkedOutput
{
    private readonly List<byte> received = [];
    private bool hasEnded;

    public MarkedOutput(Stream stream) => _ = ReceiveAsync(stream);

    /// <summary>Discards what was received so far.</summary>
    public void Clear()
    {
        lock (received)
        {
            received.Clear();
        }
    }

    /// <summary>Waits for the output between the first two occurrences of a mark.</summary>
    /// <param name="mark">The mark.</param>
    /// <param name="hasTail">Whether a line follows the second occurrence.</param>
    /// <returns>The output, and that line; null if the stream ended before.</returns>
    public (byte[] Content, byte[] Tail)? WaitForContent(byte[] mark, bool hasTail)
    {
        // The search continues where the last one ended.
        var begin = -1;
        var from = 0;
        lock (received)
        {
            while (true)
            {
                var span = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(received);
                if (begin < 0 && span[from..].IndexOf(mark) is var first and >= 0)
                {
                    begin = from + first + mark.Length;
                    from = begin;
                }

                if (begin >= 0 && span[from..].IndexOf(mark) is var second and >= 0)
                {
                    var end = from + second;
                    var tail = span[(end + mark.Length)..];
                    var line = tail.IndexOf((byte)'\n');
                    if (!hasTail || line >= 0)
                    {
                        return (span[begin..end].ToArray(), tail[..Math.Max(line, 0)].ToArray());
                    }
                }
                else
                {
                    from = Math.Max(Math.Max(begin, 0), span.Length - mark.Length + 1);
                }

                if (hasEnded)
                {
                    return null;
                }

                Monitor.Wait(received);
            }
        }
    }

    /// <summary>All output until the stream ends or the time is over.</summary>
    public byte[] WaitForEnd(TimeSpan timeout)
    {
        var waited = Stopwatch.StartNew();
        lock (received)
        {
            while (!hasEnded && timeout - waited.Elapsed is { Ticks: > 0 } rest)
            {
                Monitor.Wait(received, rest);
            }

            return [.. received];
        }
    }

    /// <summary>Ends all waits for further output.</summary>
    public void End()
    {
        lock (received)
        {
            hasEnded = true;
            Monitor.PulseAll(received);
        }
    }

    private async Task ReceiveAsync(Stream stream)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await stream.ReadAsync(buffer).ConfigureAwait(false) is > 0 and var count)
            {
                lock (received)
                {
                    received.AddRange(buffer.AsSpan(0, count));
                    Monitor.PulseAll(received);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The stream was closed.
        }

        End();
    }
}
