using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>
/// A method that snapshots the volume under a disk's image (or the disk's own device) and does not change the domain. This class does what all of them share:
/// it finds the images inside, takes one snapshot for all disks of a volume, writes records, removes and recovers by deletion, and restores images by copying.
/// A derived class adds the commands of its storage.
/// </summary>
/// <remarks>Each step that creates or deletes can be repeated: after a crash it is unknown how far the run came.</remarks>
internal abstract class VolumeMethod : SnapshotMethod
{
    /// <summary>Which volume it would snapshot. Changes nothing and does not query the host: the stack has all that is needed.</summary>
    public abstract VolumeFit FindVolume(StorageStack stack);

    /// <summary>Whether taking it may last longer than the guest should be frozen.</summary>
    public virtual bool IsSlow(VolumeRequest request) => false;

    /// <summary>Chooses names, and refuses what cannot work: a name that is taken, no space. Changes nothing.</summary>
    public abstract VolumeSnapshot PlanVolume(VolumeRequest request);

    /// <summary>Everything that can be done ahead: creating folders, flushing. The guest keeps running.</summary>
    public virtual void Prepare(IHost host, VolumeSnapshot snapshot)
    {
    }

    /// <summary>The atomic act alone, for all volumes of a set, in as few steps as the tool allows: the guest may be frozen.</summary>
    public abstract void Take(IHost host, IReadOnlyList<VolumeSnapshot> snapshots);

    /// <summary>Makes the content readable at <see cref="VolumeSnapshot.At"/>, read-only, and verifies that it exists.</summary>
    public abstract void Expose(IHost host, VolumeSnapshot snapshot);

    /// <summary>Why that many bytes cannot be copied from a snapshot into its volume, as the end of a sentence about the disk; null where they can.</summary>
    public virtual string? WhyNoSpaceFor(IHost host, VolumeSnapshot snapshot, ulong bytes) => null;

    /// <summary>
    /// Why a record's names, tags and paths are not those that this method gives to a snapshot of that set, as the end of a sentence; null where they are.
    /// Records can be forged, and the objects that they name are deleted by <see cref="Delete"/>, read, and restored.
    /// </summary>
    public abstract string? WhyNotOurs(IHost host, VolumeSnapshot snapshot, SetIdentity set);

    /// <summary>The device node of a volume without a root; null where the volume is a file.</summary>
    public virtual string? DeviceOf(Volume volume) => null;

    /// <summary>Whether the snapshot exists, can be read and is intact.</summary>
    public abstract SnapshotState Check(IHost host, VolumeSnapshot snapshot);

    /// <summary>COW space usage in percent; null where only the pool's size limits it. Called for available snapshots.</summary>
    public virtual double? ReadUsage(IHost host, VolumeSnapshot snapshot) => null;

    /// <summary>
    /// What prevents deletion besides open files, as the end of a sentence; null where nothing does. Called before anything is changed, so that the
    /// record is kept where the snapshot cannot be deleted. Changes nothing.
    /// </summary>
    public virtual string? WhyInUse(IHost host, VolumeSnapshot snapshot) => null;

    /// <summary>Deletes what <see cref="Prepare"/>, <see cref="Take"/> and <see cref="Expose(IHost, VolumeSnapshot)"/> have made.</summary>
    /// <returns>Whether there was anything to delete.</returns>
    /// <exception cref="VirtSnapshotException">
    /// It is in use (<c>SourceInUse</c>), not ours (<c>SnapshotNotOurs</c>), or could not be deleted; it is kept.
    /// </exception>
    public abstract bool Delete(IHost host, VolumeSnapshot snapshot);

    /// <summary>Whether any part of it exists. Changes nothing.</summary>
    public abstract bool Exists(IHost host, VolumeSnapshot snapshot);

    /// <summary>Plans the restore of a disk that is itself the volume. <see cref="FileRestoration"/> restores images in a volume, for all methods.</summary>
    /// <exception cref="VirtSnapshotException">It cannot be done; nothing was touched.</exception>
    public virtual DeviceRestoration PlanDeviceRestoration(RestoreRequest request, SnapshotRecord record) => throw new VirtSnapshotException(
        FailureKind.NotImplemented,
        "RestoreNotSupported",
        request.Domain.FindDisk(record.Target),
        $"Disk '{record.Target}' of domain '{request.Domain.Name}' is a device, and method '{Name}' cannot restore devices. Nothing was touched. "
        + $"Copy '{record.Source}' to the device while the domain is shut off.");

    /// <summary>Continues such a restoration after a crash.</summary>
    public virtual DeviceRestoration ResumeDeviceRestoration(MethodRequest request, RestoreRecord disk) =>
        throw new FormatException($"Method '{Name}' restores no devices.");

    public sealed override MethodFit Probe(DiskContext disk)
    {
        var stack = disk.Stack;
        if (stack.MissingSource is { } missing)
        {
            return MethodFit.Impossible($"'{missing}' does not exist on the host");
        }

        var fit = FindVolume(stack);
        return fit.Volume is null
            ? MethodFit.Impossible(fit.Reason)
            : VolumeImages.WhyOutside(stack, fit.Volume) is { } outside
                ? MethodFit.Impossible(outside)
                : new MethodFit(fit.Rank, fit.Reason, fit.Volume.Root is null ? StorageLevel.Device : null, fit.Volume);
    }

    public sealed override ISnapshotSteps Plan(PlanRequest request)
    {
        var label = SnapshotLabel.Of(request.Set);

        // Another method may put its snapshots into the same folder.
        var firstNumber = request.Taken.Count(name => name.Contains(label, StringComparison.Ordinal));
        var parts = request.Disks
            .GroupBy(target => (Volume)target.Fit.Finding!)
            .Select((part, index) =>
            {
                var number = firstNumber + index;
                var disks = part.Select(target => target.Context).ToList();
                var settings = part.First().Settings;
                if (part.FirstOrDefault(target => target.Settings.Xml != settings.Xml) is { } other)
                {
                    throw new VirtSnapshotException(
                        FailureKind.InvalidOperation,
                        "MethodsDiffer",
                        other.Disk,
                        $"Disks '{disks[0].Disk.Target}' and '{other.Disk.Target}' of domain '{request.Domain.Name}' share the snapshot of volume "
                        + $"'{part.Key.Name}', but their <diskSnapshot> elements differ. Nothing was touched. "
                        + "Make them equal with Set-DiskSnapshotMethod, or give -Method.");
                }

                foreach (var disk in disks)
                {
                    if (VolumeImages.WhyNotHeld(request.Host, part.Key, disk.Stack) is { } why)
                    {
                        throw new VirtSnapshotException(
                            FailureKind.InvalidOperation,
                            "MethodUnsuitable",
                            disk.Disk,
                            $"Method '{Name}' cannot snapshot disk '{disk.Disk.Target}' of domain '{request.Domain.Name}': {why}. Nothing was touched.");
                    }
                }

                var volumeRequest = new VolumeRequest(
                    request.Host,
                    request.Domain,
                    part.Key,
                    request.Set.Group,
                    number == 0 ? label : $"{label}-{number}",
                    settings,
                    [.. disks.Select(disk => disk.Disk)],
                    disks[0].Stack,
                    request.Warn);
                return new VolumePart(PlanVolume(volumeRequest), disks, IsSlow(volumeRequest));
            })
            .ToList();
        return new VolumeAct(request.Host, this, parts);
    }

    public sealed override IRemoval PlanRemoval(RemovalRequest request)
    {
        var check = new VolumeRemovalCheck(this, request);
        return new DeletingRemoval(
            request.Disks,
            check.Refuse,
            (now, record) => _ = check.IsDeletable(record) && Delete(now.Host, VolumeSnapshot.Read(record)));
    }

    public sealed override SnapshotRecord Verify(MethodRequest request, SnapshotRecord record, DiskSource? image)
    {
        var snapshot = VolumeSnapshot.Read(record);
        if (WhyNotOurs(request.Host, snapshot, record.Set!) is { } why)
        {
            throw record.ToForeign(request.Domain, why);
        }

        if (image is null)
        {
            // The snapshot is ours, but may hold images of other disks as well. Only the disk's XML says which image is the disk's.
            return record.WithSource(DiskSource.None);
        }

        var device = snapshot.Volume.Root is null ? DeviceOf(snapshot.Volume) : null;
        if (record.Source.Path is not { } source || !HostPath.IsPlain(source) || FileRestoration.OriginalOf(snapshot, source) is not { } original)
        {
            throw record.ToForeign(request.Domain, $"its source '{record.Source}' is not in the snapshot '{snapshot.Name}'");
        }

        RefuseOtherImage(request, record, snapshot, device ?? original);
        return record.WithSource(DiskSource.ForPath(source, image.Format, isBlockDevice: device is not null));
    }

    public sealed override Inspection Inspect(MethodRequest request, SnapshotRecord record)
    {
        try
        {
            var snapshot = VolumeSnapshot.Read(record);
            return Check(request.Host, snapshot) switch
            {
                SnapshotState.Available when record.Source.Path is not { } path => new Inspection(SnapshotState.Unverified),
                SnapshotState.Available when request.Host.Stat(record.Source.Path!, followLink: true) is null => Missing(),
                SnapshotState.Available => new Inspection(SnapshotState.Available, Try(() => ReadUsage(request.Host, snapshot))),
                SnapshotState.Missing => Missing(),
                var state => new Inspection(state),
            };

            Inspection Missing() => new(SnapshotState.Missing, IsHidden: Try<bool>(() => Exists(request.Host, snapshot)) == true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or VirtSnapshotException { ErrorId: not "HostUnreachable" })
        {
            // A list of all snapshots must not fail because the tools for one of them are missing or may not be run.
            return new Inspection(SnapshotState.Unverified);
        }
    }

    public sealed override void Expose(MethodRequest request, SnapshotRecord record) => Expose(request.Host, VolumeSnapshot.Read(record));

    /// <summary>
    /// A snapshot that is not recorded is deleted: it has changed nothing in the domain, and it is unknown whether the guest was still frozen when it was
    /// taken.
    /// </summary>
    public sealed override IRecovery PlanRecovery(MethodRequest request, IReadOnlyList<SnapshotRecord> journaled)
    {
        IReadOnlyList<SnapshotRecord> planned = [.. journaled.DistinctBy(record => VolumeSnapshot.Read(record).Name)];
        LateCommands.Wait(request.Host, planned.Select(VolumeSnapshot.Read));
        return new DeletingRecovery(
            planned,
            record => VolumeSnapshot.Read(record).Name,
            record => Exists(request.Host, VolumeSnapshot.Read(record)),
            record => Delete(request.Host, VolumeSnapshot.Read(record)));
    }

    public sealed override IReadOnlyList<IDiskRestoration> PlanRestoration(RestoreRequest request)
    {
        var use = new Lazy<ImageUse>(() => ImageUse.Read(request));
        return [.. request.Disks.Select(record => IsDevice(record) ? PlanDevice(record) : FileRestorePlanner.Plan(request, this, use.Value, record))];

        IDiskRestoration PlanDevice(SnapshotRecord record)
        {
            var disk = request.Domain.FindDisk(record.Target)!;
            var restoration = PlanDeviceRestoration(request, record);
            LiveSource.RefuseOther(request, disk, restoration.Device, VolumeSnapshot.Read(record).Name);
            LiveSource.RefuseUsers(request, use.Value, disk, restoration.Device);
            return restoration;
        }
    }

    public sealed override IDiskRestoration ResumeRestoration(MethodRequest request, RestoreRecord disk) =>
        IsDevice(disk.Record) ? ResumeDeviceRestoration(request, disk) : new FileRestoration(request, disk);

    /// <summary>A snapshot of a volume may hold the images of other domains as well.</summary>
    private static void RefuseOtherImage(MethodRequest request, SnapshotRecord record, VolumeSnapshot snapshot, string original)
    {
        if (request.IsSameFile(original, record.Image))
        {
            return;
        }

        throw request.Host.Stat(original, followLink: true) is not null && request.Host.Stat(record.Image, followLink: true) is not null
            ? record.ToForeign(request.Domain, $"the snapshot '{snapshot.Name}' holds '{original}', not '{record.Image}'")
            : new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "SourceMissing",
                request.Domain,
                $"It is unknown whether '{snapshot.Name}' is a snapshot of disk '{record.Target}' of domain '{request.Domain.Name}', because "
                + $"'{original}' or '{record.Image}' does not exist. Nothing was touched. "
                + "Mount the file system or activate the volume, then try again.");
    }

    private static bool IsDevice(SnapshotRecord record) => record.Source.Type == DiskSourceType.Block;

    /// <summary>What cannot be determined now, as of a pool that is not imported, is no reason for a list of all snapshots to fail.</summary>
    private static T? Try<T>(Func<T?> read)
        where T : struct
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is VirtSnapshotException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>The volume that a method would snapshot for a disk, or why there is none.</summary>
/// <param name="Volume">The volume; null where there is none.</param>
/// <param name="Rank">How well the method suits the disk.</param>
/// <param name="Reason">Why, as the end of a sentence about the disk.</param>
internal sealed record VolumeFit(Volume? Volume, MethodRank Rank, string Reason)
{
    public static VolumeFit Impossible(string reason) => new(null, MethodRank.Impossible, reason);
}
