namespace VirtSnapshot.Snapshots;

/// <summary>How snapshots are removed.</summary>
public sealed record RemovalOptions
{
    /// <summary>At most this many bytes per second and disk; 0 for no limit.</summary>
    public ulong Bandwidth { get; init; }

    /// <summary>When to give up; null for never. What was not merged by then goes on as before.</summary>
    public TimeSpan? Timeout { get; init; }
}
