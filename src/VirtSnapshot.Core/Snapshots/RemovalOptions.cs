namespace VirtSnapshot.Snapshots;

/// <summary>How snapshots are removed.</summary>
public sealed record RemovalOptions
{
    /// <param name="bandwidth">See <see cref="Bandwidth"/>.</param>
    /// <param name="timeout">See <see cref="Timeout"/>.</param>
    public RemovalOptions(ulong bandwidth = 0, TimeSpan? timeout = null)
    {
        Bandwidth = bandwidth;
        Timeout = timeout;
    }

    /// <summary>At most this many bytes per second and disk; 0 for no limit.</summary>
    public ulong Bandwidth { get; internal init; }

    /// <summary>When to give up; null for never. What was not merged by then goes on as before.</summary>
    public TimeSpan? Timeout { get; internal init; }
}
