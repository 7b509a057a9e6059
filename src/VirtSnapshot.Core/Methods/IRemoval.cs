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
