using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>
/// A method of snapshotting. Everything a provider does is planned first; a plan checks all that can fail early and touches
/// nothing. All disks of one run that use the method are handed over together, so that they can be taken in one act.
/// </summary>
internal interface SnapshotMethod
{
    /// <summary>The method's name in <c>&lt;diskSnapshot method='…'&gt;</c>.</summary>
    string Method { get; }

    /// <summary>Which level of the storage stack it usually works at.</summary>
    StorageLevel Level { get; }

    MethodFit Probe(DiskContext candidate);

    /// <exception cref="VirtSnapshotException">It cannot be done; nothing was touched.</exception>
    SnapshotSteps Plan(PlanRequest request);

    /// <summary>Removing recorded snapshots of this method. At most one of each disk.</summary>
    IRemoval PlanRemoval(RemovalRequest request);

    /// <summary>
    /// Holds a record of this domain against what is there: names, marks and paths must be those that this method gives to this set and disk. Records can be
    /// forged, so nothing is deleted, overwritten, switched to or read that has not passed here.
    /// </summary>
    /// <param name="request">The domain.</param>
    /// <param name="record">A record with an identity of this domain.</param>
    /// <param name="image">The layer of the disk that the snapshot is of; null where the disk is gone, or its image is not asked about.</param>
    /// <returns>The record, its source built from what is there and not from what it says.</returns>
    /// <exception cref="VirtSnapshotException"><c>SnapshotForeign</c>, or what it names cannot be read.</exception>
    SnapshotRecord Verify(MethodRequest request, SnapshotRecord record, DiskSource? image);

    /// <summary>
    /// The images that a record's disk may use: the one that it was taken of and, while a restore is under way, the one that takes its place. Null where the
    /// method has a better proof.
    /// </summary>
    IEnumerable<string>? ImagesOf(SnapshotRecord record) => [record.Image];

    /// <summary>Whether a snapshot's data is still what the record says.</summary>
    SnapshotState Check(MethodRequest request, SnapshotRecord record);

    /// <summary>
    /// Why the domain has nothing of a snapshot any more that could be merged or deleted, as the end of a sentence: removing takes its record out, and deletes
    /// no file. Null where there is something to remove, or that cannot be told now.
    /// </summary>
    string? WhyOnlyRecorded(MethodRequest request, SnapshotRecord record) => null;

    /// <summary>How full the room is that was set aside for it, in percent; null where it has none of its own. Asked of what is available.</summary>
    double? ReadUsage(MethodRequest request, SnapshotRecord record) => null;

    /// <summary>Whether a snapshot that cannot be read where the record says is there all the same: not mounted, not active, as after the host was started again.</summary>
    bool IsHidden(MethodRequest request, SnapshotRecord record) => false;

    /// <summary>Makes what is hidden readable again.</summary>
    /// <exception cref="VirtSnapshotException">It is as hidden as before.</exception>
    void Expose(MethodRequest request, SnapshotRecord record) => throw new InvalidOperationException($"Method '{Method}' hides nothing.");

    /// <summary>
    /// The images that a snapshot's data lies in, where they are images that other domains may have as their disks: if one writes there, the
    /// data is no longer what was taken.
    /// </summary>
    IReadOnlyList<DiskSource> FindImages(MethodRequest request, SnapshotRecord record) => [];

    /// <summary>Snapshots of this kind on the domain's disks that no record explains: other tools' work.</summary>
    /// <param name="request">The domain.</param>
    /// <param name="recorded">What is explained.</param>
    /// <param name="use">Who needs which image, where that matters.</param>
    IReadOnlyList<SnapshotRecord> FindUnrecorded(MethodRequest request, IReadOnlyList<SnapshotRecord> recorded, Func<ImageUse> use);

    /// <summary>Snapshots of this domain that storage itself proves to be its own, whether or not they are recorded, the oldest of each disk first.</summary>
    IReadOnlyList<LostDisk> FindLost(MethodRequest request, FolderListing listing) => [];

    /// <summary>Why a disk of a shut-off domain must not go on with what is missing from it, as the end of a sentence; null where it may.</summary>
    /// <param name="request">The domain.</param>
    /// <param name="detached">All that is missing from the disk, the oldest first.</param>
    string? WhyNotReattachable(MethodRequest request, IReadOnlyList<SnapshotRecord> detached) => $"method '{Method}' takes nothing out of a disk";

    /// <summary>Lets the disk's stored definition go on with what is missing from it.</summary>
    void Reattach(MethodRequest request, IReadOnlyList<SnapshotRecord> detached) =>
        throw new InvalidOperationException($"Method '{Method}' takes nothing out of a disk.");

    /// <summary>Why what is missing from a disk must stay where it is, as the end of a sentence; null where nothing else needs it.</summary>
    string? WhyNotKeptAside(MethodRequest request, IReadOnlyList<SnapshotRecord> detached) => $"method '{Method}' takes nothing out of a disk";

    /// <summary>Keeps what is missing from a disk under names at which nothing looks for it.</summary>
    /// <returns>The names.</returns>
    IReadOnlyList<string> KeepAside(MethodRequest request, IReadOnlyList<SnapshotRecord> detached) =>
        throw new InvalidOperationException($"Method '{Method}' takes nothing out of a disk.");

    /// <summary>Finds out how far a run came that ended in the middle.</summary>
    IRecovery PlanRecovery(MethodRequest request, IReadOnlyList<SnapshotRecord> journaled);

    /// <summary>Bringing disks of a shut-off domain back to what their snapshots hold: one for each disk.</summary>
    /// <exception cref="VirtSnapshotException">It cannot be done; nothing was touched.</exception>
    IReadOnlyList<IDiskRestoration> PlanRestoration(RestoreRequest request) => throw new VirtSnapshotException(
        FailureKind.NotImplemented,
        "RestoreNotSupported",
        request.Domain,
        $"Snapshots of method '{Method}' cannot be restored by this version. Nothing was touched. Copy the backup source of each disk back by hand while the domain is shut off.");

    /// <summary>Takes up the restoration of a disk that an earlier run, or an earlier connection, has begun.</summary>
    IDiskRestoration ResumeRestoration(MethodRequest request, RestoreRecord disk) => throw new InvalidOperationException($"Method '{Method}' restores nothing.");
}
