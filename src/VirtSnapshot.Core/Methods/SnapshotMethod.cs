using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>
/// A method of snapshotting disks. All disks of one set that use the method are planned together, so that they can be taken in one act. Members that
/// may be called again after a crash say so: the progress of the killed process is unknown then.
/// </summary>
/// <remarks>
/// Every failure is a <see cref="VirtSnapshotException"/> that says what failed, on which object, why, and what to do. <c>docs/writing-a-method.md</c> shows
/// how a method is written and tested.
/// </remarks>
public abstract class SnapshotMethod
{
    /// <summary>The method's name in <c>&lt;diskSnapshot method='…'&gt;</c> and in records.</summary>
    public abstract string Name { get; }

    /// <summary>What the engine has to know of it.</summary>
    public abstract MethodTraits Traits { get; }

    /// <summary>Whether it can snapshot a disk, and how well it suits it. Changes nothing.</summary>
    /// <param name="disk">The disk. What lies under it is read only where it is asked for.</param>
    /// <exception cref="VirtSnapshotException">The storage cannot be read.</exception>
    public abstract MethodFit Probe(DiskContext disk);

    /// <summary>Plans snapshots of disks: checks all that can fail early, and decides on names. Changes nothing.</summary>
    /// <exception cref="VirtSnapshotException">It cannot be done.</exception>
    public abstract ISnapshotSteps Plan(PlanRequest request);

    /// <summary>
    /// Compares a record of this domain with what exists: names, marks and paths must be those that this method gives to this set and disk. Records can be
    /// forged, so nothing is deleted, overwritten, switched to or read that was not verified here.
    /// </summary>
    /// <param name="request">The domain.</param>
    /// <param name="record">A record with an identity of this domain.</param>
    /// <param name="image">The layer of the disk that the snapshot is of; null where the disk is gone, or <see cref="ImagesOf"/> is null.</param>
    /// <returns>The record, its source made from what exists and not from what it says.</returns>
    /// <exception cref="VirtSnapshotException"><c>SnapshotForeign</c>, or what it names cannot be read.</exception>
    public abstract SnapshotRecord Verify(MethodRequest request, SnapshotRecord record, DiskSource? image);

    /// <summary>Whether a verified snapshot can be read and still holds what was taken. Changes nothing.</summary>
    public abstract Inspection Inspect(MethodRequest request, SnapshotRecord record);

    /// <summary>Plans to remove snapshots, at most one of each disk. Changes nothing.</summary>
    public abstract IRemoval PlanRemoval(RemovalRequest request);

    /// <summary>Finds out how far a run came that was killed while it took snapshots. Changes nothing.</summary>
    /// <param name="request">The domain.</param>
    /// <param name="journaled">What the run was to make; verified.</param>
    public abstract IRecovery PlanRecovery(MethodRequest request, IReadOnlyList<SnapshotRecord> journaled);

    /// <summary>
    /// The images that a record's disk may use: the one that the snapshot was taken of and, during a restore, the one that replaces it. Null if the method
    /// has a better proof.
    /// </summary>
    public virtual IEnumerable<string>? ImagesOf(SnapshotRecord record) => [record.Image];

    /// <summary>
    /// The images that contain a snapshot's data, if other domains can use them as disks: a domain that writes to them changes the snapshot.
    /// </summary>
    public virtual IReadOnlyList<DiskSource> FindImages(MethodRequest request, SnapshotRecord record) => [];

    /// <summary>
    /// Why the domain has nothing of a snapshot any more that could be merged or deleted, as the end of a sentence: removing takes its record out, and deletes
    /// no file. Null where there is something to remove, or that cannot be determined now.
    /// </summary>
    public virtual string? WhyOnlyRecorded(MethodRequest request, SnapshotRecord record) => null;

    /// <summary>Makes a snapshot readable whose <see cref="Inspection.IsHidden"/> is set.</summary>
    /// <exception cref="VirtSnapshotException">It is as hidden as before.</exception>
    public virtual void Expose(MethodRequest request, SnapshotRecord record) => throw new InvalidOperationException($"Method '{Name}' hides no snapshots.");

    /// <summary>Plans to restore disks of a shut-off domain from their snapshots: one restoration for each disk. Changes nothing.</summary>
    /// <exception cref="VirtSnapshotException">It cannot be done.</exception>
    public virtual IReadOnlyList<IDiskRestoration> PlanRestoration(RestoreRequest request) => throw new VirtSnapshotException(
        FailureKind.NotImplemented,
        "RestoreNotSupported",
        request.Domain,
        $"Method '{Name}' does not restore disks. Nothing was touched. Copy the backup source of each disk back by hand while the domain is shut off.");

    /// <summary>Continues the restoration of a disk that an earlier run, or an earlier connection, has begun.</summary>
    /// <exception cref="FormatException">The journal says too little of it.</exception>
    public virtual IDiskRestoration ResumeRestoration(MethodRequest request, RestoreRecord disk) =>
        throw new FormatException($"Method '{Name}' restores nothing.");
}
