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
    /// Of the accepted disks: makes the domain independent of what is to be deleted. It returns when all disks are
    /// merged, failed or cancelled. A disk that could not be merged works as before.
    /// </summary>
    /// <param name="progress">Called on the caller's thread.</param>
    /// <param name="cancellation">Cancels merges that are not complete.</param>
    IReadOnlyList<RemovalOutcome> Merge(Action<RemovalProgress> progress, CancellationToken cancellation);

    /// <summary>Deletes what is proven to be unused. It is called only after the records are rewritten.</summary>
    /// <param name="now">The domain after all merges, through a connection that works.</param>
    /// <param name="disk">What was removed.</param>
    void Discard(MethodRequest now, RemovalOutcome disk);
}

/// <summary>The result of the removal of one disk's snapshot.</summary>
public sealed record RemovalOutcome(SnapshotRecord Record, DiskSource? OldSource, DiskSource? NewSource, RemovalFailure? Failure)
{
    /// <summary>The snapshot.</summary>
    public SnapshotRecord Record { get; internal init; } = Record;

    /// <summary>The previous source of other snapshots' data; null if no data was moved.</summary>
    public DiskSource? OldSource { get; internal init; } = OldSource;

    /// <summary>The new source of the same data.</summary>
    public DiskSource? NewSource { get; internal init; } = NewSource;

    /// <summary>Why it was not removed; null if it was.</summary>
    public RemovalFailure? Failure { get; internal init; } = Failure;
}

/// <summary>Why a disk's snapshot was not removed.</summary>
public sealed record RemovalFailure(VirtSnapshotException Error, bool HadBegun)
{
    /// <summary>The error.</summary>
    public VirtSnapshotException Error { get; internal init; } = Error;

    /// <summary>Whether data may have been moved already, so that the backup source may be incomplete.</summary>
    public bool HadBegun { get; internal init; } = HadBegun;
}

/// <summary>The progress of the merge of one disk.</summary>
public sealed record RemovalProgress(string Target, ulong Done, ulong Total)
{
    /// <summary>The disk.</summary>
    public string Target { get; } = Target;

    /// <summary>The bytes merged so far.</summary>
    public ulong Done { get; } = Done;

    /// <summary>The bytes to merge. The number grows while the guest writes.</summary>
    public ulong Total { get; } = Total;
}
