namespace VirtSnapshot.Hosts;

/// <summary>
/// What a process prints, as it comes. Its end is not waited for without bounds: a process that went into the background may hold the
/// other end for long (ssh does so with the connection that it keeps open).
/// </summary>
internal sealed class HeardOutput
{
    private readonly List<byte> heard = [];
    private readonly Task end;

    public HeardOutput(Stream stream) => end = ListenAsync(stream);

    /// <summary>Everything that was printed until now, after some time for the rest to come.</summary>
    public byte[] Read(TimeSpan patience)
    {
        end.Wait(patience);
        lock (heard)
        {
            return [.. heard];
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
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Nobody listens any more.
        }
    }
}
