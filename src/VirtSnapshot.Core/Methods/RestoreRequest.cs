namespace VirtSnapshot.Methods;

/// <summary>Disks of a shut-off domain that are to be restored to their snapshots of one set.</summary>
public sealed record RestoreRequest : MethodRequest
{
    internal RestoreRequest(MethodRequest request, SetIdentity set, IReadOnlyList<SnapshotRecord> disks, IReadOnlyList<SnapshotRecord> recorded)
        : base(request)
    {
        Set = set;
        Disks = disks;
        Recorded = recorded;
    }

    /// <summary>The set: what is made on the way may be named after it.</summary>
    public SetIdentity Set { get; internal init; }

    /// <summary>The set's identity.</summary>
    public Guid Group => Set.Group;

    /// <summary>The snapshot's name.</summary>
    public SnapshotName Name => Set.Name;

    /// <summary>The records, at most one of each disk; their data exists and is intact.</summary>
    public IReadOnlyList<SnapshotRecord> Disks { get; internal init; }

    /// <summary>All records of the domain, of every method, these included, the oldest first.</summary>
    public IReadOnlyList<SnapshotRecord> Recorded { get; internal init; }
}
