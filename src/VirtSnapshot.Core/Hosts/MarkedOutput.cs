using System.Diagnostics;

namespace VirtSnapshot.Hosts;

/// <summary>What a process prints, as it comes; answers in it stand between marks.</summary>
internal sealed class MarkedOutput
{
    private readonly List<byte> heard = [];
    private bool hasEnded;

    public MarkedOutput(Stream stream) => _ = ListenAsync(stream);

    /// <summary>What was heard until now counts no more.</summary>
    public void Forget()
    {
        lock (heard)
        {
            heard.Clear();
        }
    }

    /// <summary>Waits for what stands between the mark's first two places.</summary>
    /// <param name="mark">The mark.</param>
    /// <param name="hasTail">Whether a line follows the second one.</param>
    /// <returns>The answer, and that line; null where the output ended before.</returns>
    public (byte[] Answer, byte[] Tail)? WaitForAnswer(byte[] mark, bool hasTail)
    {
        // So as not to look through it all again with each new piece.
        var begin = -1;
        var from = 0;
        lock (heard)
        {
            while (true)
            {
                var span = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(heard);
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

                Monitor.Wait(heard);
            }
        }
    }

    /// <summary>Everything until the output ends, as long as it is waited for.</summary>
    public byte[] WaitForEnd(TimeSpan patience)
    {
        var waited = Stopwatch.StartNew();
        lock (heard)
        {
            while (!hasEnded && patience - waited.Elapsed is { Ticks: > 0 } rest)
            {
                Monitor.Wait(heard, rest);
            }

            return [.. heard];
        }
    }

    /// <summary>Nobody is to wait any more for what may still come.</summary>
    public void End()
    {
        lock (heard)
        {
            hasEnded = true;
            Monitor.PulseAll(heard);
        }
    }

    private async Task ListenAsync(Stream stream)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await stream.ReadAsync(buffer).ConfigureAwait(false) is > 0 and var count)
            {
                lock (heard)
                {
                    heard.AddRange(buffer.AsSpan(0, count));
                    Monitor.PulseAll(heard);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Nobody listens any more.
        }

        End();
    }
}
