using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>How removing one disk's snapshot went.</summary>
public sealed record RemovalOutcome(SnapshotRecord Record, DiskSource? OldSource, DiskSource? NewSource, RemovalFailure? Failure)
{
    /// <summary>What was to be removed.</summary>
    public SnapshotRecord Record { get; internal init; } = Record;

    /// <summary>Where others' backup sources may have pointed to; null if nothing moves.</summary>
    public DiskSource? OldSource { get; internal init; } = OldSource;

    /// <summary>Where the same data is found from now on.</summary>
    public DiskSource? NewSource { get; internal init; } = NewSource;

    /// <summary>Why it was not removed; null when it was.</summary>
    public RemovalFailure? Failure { get; internal init; } = Failure;
}
