namespace VirtSnapshot.Methods;

/// <summary>Snapshots of one method that are to be removed.</summary>
public sealed record RemovalRequest : MethodRequest
{
    internal RemovalRequest(MethodRequest request, IReadOnlyList<SnapshotRecord> disks, IReadOnlyList<SnapshotRecord> recorded, Action<RunStep> reached)
        : base(request)
    {
        Disks = disks;
        Recorded = recorded;
        Reached = reached;
    }

    /// <summary>The records, at most one of each disk.</summary>
    public IReadOnlyList<SnapshotRecord> Disks { get; internal init; }

    /// <summary>All records of the domain, of every method, these included.</summary>
    public IReadOnlyList<SnapshotRecord> Recorded { get; internal init; }

    /// <summary>The highest rate of a merge, in bytes per second and disk; 0 for no limit.</summary>
    public ulong Bandwidth { get; internal init; }

    /// <summary>The targets of those disks whose removal an earlier run has begun: jobs that it left running are ours to finish.</summary>
    public IReadOnlySet<string> Begun { get; internal init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>The targets of those among <see cref="Begun"/> whose domain has run without a break since.</summary>
    public IReadOnlySet<string> SameRun { get; internal init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>The targets of those disks whose data has certainly been moved already, if it is no longer where the record says.</summary>
    public IReadOnlySet<string> Merged { get; internal init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>Called at the steps of a merge.</summary>
    internal Action<RunStep> Reached { get; init; }
}
