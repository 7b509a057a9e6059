using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>
/// What differs between the methods that snapshot a whole volume below the image. <see cref="VolumeMethod"/> does what is the same for all:
/// which images lie inside, one snapshot for all disks of a volume, records, undoing.
/// </summary>
/// <remarks>
/// Everything that makes or deletes may be repeated: after a run that died nobody knows how far it came. Every failure is a
/// <see cref="VirtSnapshotException"/> that says what, which object, and what to do.
/// </remarks>
internal interface IVolumeDriver
{
    /// <summary>The method's name.</summary>
    string Method { get; }

    /// <summary>Where in the stack it works, where the disk is not the volume itself.</summary>
    StorageLevel Level { get; }

    /// <summary>Which volume it would snapshot. Touches nothing, and asks the host nothing: all is in the stack.</summary>
    VolumeFit Probe(StorageStack stack);

    /// <summary>Whether taking it may last so long that the guest should not wait for it.</summary>
    bool IsSlow(VolumeRequest request);

    /// <summary>Decides on names, and refuses what cannot work: a name that is taken, no room. Touches nothing.</summary>
    VolumeSnapshot Plan(VolumeRequest request);

    /// <summary>Everything that can be done ahead: making folders, flushing. The guest goes on meanwhile.</summary>
    void Prepare(IHost host, VolumeSnapshot snapshot);

    /// <summary>The atomic act alone, for all volumes of a set, in as few steps as the tool allows: the guest may be frozen.</summary>
    void Take(IHost host, IReadOnlyList<VolumeSnapshot> snapshots);

    /// <summary>Makes the content readable at <see cref="VolumeSnapshot.At"/>, read-only, and proves that it is there.</summary>
    void Expose(IHost host, VolumeSnapshot snapshot);

    /// <summary>Why so much cannot be copied out of a snapshot into its own volume; null where it can. As the end of a sentence about the disk.</summary>
    string? WhyNoRoomFor(IHost host, VolumeSnapshot snapshot, ulong bytes) => null;

    /// <summary>
    /// Why a record's names, tags and places are not those that this driver gives to a snapshot of that set, as the end of a sentence; null where they are.
    /// Records can be forged, and what they name is deleted by <see cref="Delete"/>, read, and restored.
    /// </summary>
    string? WhyNotOurs(IHost host, VolumeSnapshot snapshot, SetIdentity set);

    /// <summary>The device that a volume without a root is; null where it is a file.</summary>
    string? DeviceOf(Volume volume) => null;

    /// <summary>Whether it is there, readable and sound.</summary>
    SnapshotState Check(IHost host, VolumeSnapshot snapshot);

    /// <summary>How full the room is that it is kept in, in percent; null where nothing bounds it but the disk. Asked of what is available.</summary>
    double? ReadUsage(IHost host, VolumeSnapshot snapshot) => null;

    /// <summary>
    /// What else than an open file stands in the way of deleting it, as the end of a sentence; null where nothing does. Asked before anything is
    /// touched, so that the record stays where it could not be deleted anyway. Changes nothing.
    /// </summary>
    string? WhyInUse(IHost host, VolumeSnapshot snapshot) => null;

    /// <summary>Takes back what <see cref="Prepare"/>, <see cref="Take"/> and <see cref="Expose"/> have made, as far as they came; nothing there is fine.</summary>
    /// <returns>Whether there was anything.</returns>
    /// <exception cref="VirtSnapshotException">
    /// Somebody uses it (<c>SourceInUse</c>), it is not ours (<c>SnapshotNotOurs</c>), or it could not be deleted. It stays then.
    /// </exception>
    bool Delete(IHost host, VolumeSnapshot snapshot);

    /// <summary>Whether anything of it is there. Changes nothing.</summary>
    bool Exists(IHost host, VolumeSnapshot snapshot);

    /// <summary>Bringing back a disk that is the volume itself. Images in a volume are brought back by <see cref="FileRestoration"/>, whatever the driver.</summary>
    /// <exception cref="VirtSnapshotException">It cannot be done; nothing was touched.</exception>
    DeviceRestoration PlanRestoration(RestoreRequest request, SnapshotRecord record) => throw new VirtSnapshotException(
        FailureKind.NotImplemented,
        "RestoreNotSupported",
        request.Domain.FindDisk(record.Target),
        $"Disk '{record.Target}' of domain '{request.Domain.Name}' is a device, and method '{Method}' cannot restore those. Nothing was touched. Copy '{record.Source}' back by hand while the domain is shut off.");

    /// <summary>Takes such a restoration up again.</summary>
    DeviceRestoration ResumeRestoration(MethodRequest request, RestoreRecord disk) => throw new InvalidOperationException($"Method '{Method}' restores no devices.");
}
