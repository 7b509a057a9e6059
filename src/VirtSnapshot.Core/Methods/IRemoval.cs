using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>One provider's removal of recorded snapshots.</summary>
public interface IRemoval
{
    /// <summary>Disks whose snapshots cannot be removed now, known before anything is touched.</summary>
    IReadOnlyList<RemovalOutcome> Refused { get; }

    /// <summary>Disks whose snapshots <see cref="Merge"/> will remove.</summary>
    IReadOnlyList<SnapshotRecord> Accepted { get; }

    /// <summary>
    /// Of the accepted disks: makes the domain independent of what is to be deleted. Blocks until all disks are through, failed or given up; what
    /// could not be merged leaves a domain that works as before.
    /// </summary>
    /// <param name="progress">Called on the caller's thread.</param>
    /// <param name="cancellation">Gives up what has not been merged yet.</param>
    IReadOnlyList<RemovalOutcome> Merge(Action<RemovalProgress> progress, CancellationToken cancellation);

    /// <summary>Deletes what nothing needs any more, after proving it. Only after the records have been rewritten.</summary>
    /// <param name="now">The domain after all merges, through a connection that works.</param>
    /// <param name="disk">What was removed.</param>
    void Discard(MethodRequest now, RemovalOutcome disk);
}

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

/// <summary>Why a disk's snapshot was not removed.</summary>
public sealed record RemovalFailure(VirtSnapshotException Error, bool HadBegun)
{
    /// <summary>What the user is told.</summary>
    public VirtSnapshotException Error { get; internal init; } = Error;

    /// <summary>Whether data may have been moved already, so that the backup source is not to be trusted any more.</summary>
    public bool HadBegun { get; internal init; } = HadBegun;
}

/// <summary>How far the merge of one disk is.</summary>
public sealed record RemovalProgress(string Target, ulong Done, ulong Total)
{
    /// <summary>The disk.</summary>
    public string Target { get; } = Target;

    /// <summary>Bytes poured so far.</summary>
    public ulong Done { get; } = Done;

    /// <summary>Bytes there are to pour; grows while the guest writes.</summary>
    public ulong Total { get; } = Total;
}
