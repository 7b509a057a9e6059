using VirtSnapshot.Domains;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>The commit of one overlay into its base.</summary>
/// <param name="Record">The snapshot.</param>
/// <param name="Disk">The disk.</param>
/// <param name="Overlay">The overlay's path.</param>
/// <param name="Chain">The disk's layers when this was planned.</param>
/// <param name="Position">The overlay's index in the chain, followed by its base; null where it is not in the chain any more.</param>
internal sealed record MergeStep(SnapshotRecord Record, VmDisk Disk, string Overlay, IReadOnlyList<DiskSource> Chain, int? Position)
{
    /// <summary>
    /// Whether libvirt has lost the mirror of our job, as 9.0 does when it is killed during the call that starts the job: it can still pivot such a job, but
    /// crashes when it aborts it.
    /// </summary>
    public bool IsMirrorForgotten { get; private init; }

    public bool IsMerged => Position is null;

    public DiskSource Base => Record.Source;

    private string UndeterminedMerge => $"VirtSnapshot cannot determine whether the overlay '{Overlay}' is merged and deleted";

    /// <summary>
    /// Whether the overlay has no base any more, as after <c>virsh blockpull</c>: there is nothing to merge or delete, and only the record
    /// is removed.
    /// </summary>
    public bool StandsAlone => IsMerged && Chain[^1].Path == Overlay;

    /// <summary>Whether the domain writes to this overlay, so that it must be pivoted away from it.</summary>
    public bool IsActiveLayer => Position == 0;

    /// <summary>The layer above the overlay.</summary>
    public DiskSource? Child => Position > 0 ? Chain[Position.Value - 1] : null;

    /// <exception cref="VirtSnapshotException">
    /// <c>DiskNotFound</c>, <c>SourceMissing</c>, <c>SourceUnreadable</c>, <c>SnapshotInvalid</c>, <c>DomainNotRunning</c>, <c>SourceShared</c>,
    /// <c>SourceInUse</c> or <c>BlockJobRunning</c>.
    /// </exception>
    public static MergeStep Plan(RemovalRequest request, ImageUse use, SnapshotRecord record)
    {
        var disk = request.Domain.FindDisk(record.Target) ?? throw NoDisk(request, record);
        var overlay = OverlayData.PathOf(record);
        var chain = ImageChain.Of(request.Host, request.Domain, disk);
        var position = OverlayData.FindIn(chain, record);
        var step = new MergeStep(record, disk, overlay, chain, position);
        if (position is null)
        {
            step.RefuseUnreadableChain(request);
            if (!step.StandsAlone)
            {
                step.RefuseHiddenOverlay(request);
                RefuseUnproven(request, record, disk, overlay, chain);
            }
        }
        else
        {
            step.RefuseNetworkBase(request);
            EncryptedDisk.RefuseOfflineMerge(request, disk, record);
            step.RefuseForeignUsers(request, use);
            step.RefuseInnerSnapshots(request);
            step.RefuseMissingBase(request);
            step.RefuseUnopenableChain(request);
            var job = request.Domain.IsActive ? request.Native.FindJob(disk.Target) : null;
            step = step with { IsMirrorForgotten = job?.Type == BlockJobType.ActiveCommit && !disk.HasMirror };
            step.RefuseOtherJob(request, job);
        }

        return step;
    }

    /// <summary>
    /// An overlay that is not in the chain was merged, or the disk was moved to its base by hand and the guest's data is still in the
    /// overlay. The removal deletes it only where the merge is certain.
    /// </summary>
    private static void RefuseUnproven(RemovalRequest request, SnapshotRecord record, VmDisk disk, string overlay, IReadOnlyList<DiskSource> chain)
    {
        var isOutOfChain = request.Begun.Contains(record.Target)
            && chain.All(layer => layer.Path != overlay)
            && chain.Any(layer => layer.IsSameAs(record.Source));
        if (!isOutOfChain)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SnapshotInvalid",
                disk,
                $"The overlay '{overlay}' is not on top of '{record.Source}' in the chain of disk '{disk.Target}' of domain '{request.Domain.Name}' any more: "
                + $"the chain is {string.Join(" -> ", chain)}. Another tool has merged or moved it. Nothing was touched.");
        }

        var isProven = request.Merged.Contains(record.Target)
            || request.Host.Stat(overlay) is null
            || (!request.Domain.IsActive && record.Source.Path is { } source
                && request.Host.Run("qemu-img", ["compare", "-q", "-f", "qcow2", "-F", record.Source.Format ?? "raw", overlay, source]).Succeeded);
        if (!isProven)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidResult,
                "MergeUnproven",
                disk,
                $"The overlay '{overlay}' of disk '{disk.Target}' of domain '{request.Domain.Name}' was kept, because it is unknown whether its data was "
                + "merged: a run died during the removal, and the domain was restarted since. Compare both images with 'qemu-img compare', "
                + "move the overlay to another folder, then run Repair-DiskSnapshot.");
        }
    }

    private static VirtSnapshotException NoDisk(RemovalRequest request, SnapshotRecord record) => new(
        FailureKind.ObjectNotFound,
        "DiskNotFound",
        request.Domain,
        request.FindDisk(record.Target) is not null
            ? $"Disk '{record.Target}' was detached from the running domain '{request.Domain.Name}', but is in its stored definition, so its snapshot "
                + "cannot be merged now. Nothing was touched. Attach the disk again, or shut the domain off, then try again."
            : UnusedOverlay.FindUser(request, record) is { } user
            ? $"Disk '{user.Target}' of domain '{request.Domain.Name}' uses '{OverlayData.PathOf(record)}', the overlay of a snapshot of disk "
                + $"'{record.Target}', so it cannot be merged. Nothing was touched. Change the disk's target to '{record.Target}', then try again."
            : $"Domain '{request.Domain.Name}' has no disk '{record.Target}' any more, and a run died while it removed its snapshot. Nothing was touched. "
                + $"Attach the disk again, or move '{OverlayData.PathOf(record)}' to another folder if it is not needed, "
                + "then run Repair-DiskSnapshot.");

    /// <summary>The chain of a shut-off domain is read from its images, and ends at a missing image as if the overlay were not in it.</summary>
    private void RefuseUnreadableChain(RemovalRequest request)
    {
        if (!request.Domain.IsActive && !Chain.Any(layer => layer.IsSameAs(Record.Source))
            && Chain[^1].Path is { } last && !UnusedOverlay.IsAccessible(request.Host, last))
        {
            throw Missing(last, UndeterminedMerge);
        }
    }

    /// <summary>An inaccessible overlay may still have to be deleted, and only its record or the journal names it.</summary>
    private void RefuseHiddenOverlay(RemovalRequest request)
    {
        if (request.Host.Stat(Overlay) is null && !UnusedOverlay.IsGone(request.Host, Overlay, Chain))
        {
            var images = Chain.Select(layer => layer.Path).OfType<string>();
            var missing = images.FirstOrDefault(image => !UnusedOverlay.IsAccessible(request.Host, image));
            throw Missing(missing ?? Path.GetDirectoryName(Overlay)!, UndeterminedMerge);
        }
    }

    private void RefuseMissingBase(RemovalRequest request)
    {
        if (Base.Path is { } source && !UnusedOverlay.IsAccessible(request.Host, source))
        {
            throw Missing(source, "its snapshot cannot be merged into it");
        }
    }

    private VirtSnapshotException Missing(string path, string consequence) => new(
        FailureKind.ObjectNotFound,
        "SourceMissing",
        Disk,
        $"Of disk '{Disk.Target}' of domain '{Disk.Domain}', '{path}' is missing or cannot be read, so {consequence}. Nothing was touched. "
        + "Mount its file system or activate its volume, then try again.");

    /// <summary>qemu-img opens the base by the overlay's backing file name, which does not name a network base.</summary>
    private void RefuseNetworkBase(RemovalRequest request)
    {
        if (!request.Domain.IsActive && Chain.Any(layer => !layer.HasPath))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "DomainNotRunning",
                Disk,
                $"The base '{Chain[^1]}' of disk '{Disk.Target}' of domain '{Disk.Domain}' is on the network, and only a running QEMU can merge into it. "
                + "Nothing was touched. Start the domain first.");
        }
    }

    /// <summary>
    /// qemu-img opens a shut-off domain's chain, without libvirt's secrets, and may lack access that QEMU has. Checked before the journal records
    /// the begin of the merge: <c>measure</c> opens the same images as a merge, reads no data, and needs no lock.
    /// </summary>
    private void RefuseUnopenableChain(RemovalRequest request)
    {
        if (!request.Domain.IsActive
            && request.Host.Run("qemu-img", ["measure", "--force-share", "-O", "raw", "-f", "qcow2", Overlay]) is { Succeeded: false } refused)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidData,
                "SourceUnreadable",
                Disk,
                $"The snapshot of disk '{Disk.Target}' of domain '{Disk.Domain}' cannot be merged while the domain is shut off, because "
                + $"qemu-img cannot open '{Overlay}' with its backing chain: {refused.ToolError}. Nothing was touched. "
                + "Start the domain, then remove the snapshot while it runs; or make the images readable, then try again.");
        }
    }

    /// <summary>Internal snapshots in the overlay, and libvirt's own snapshots of it, would be lost with it.</summary>
    private void RefuseInnerSnapshots(RemovalRequest request)
    {
        if (InnerSnapshots.Need(request, Overlay))
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "OverlayHasSnapshots",
                Disk,
                $"A snapshot that was made with libvirt or QEMU itself needs the overlay '{Overlay}' of disk '{Disk.Target}' of domain '{Disk.Domain}'. "
                + "Nothing was touched. "
                + $"List snapshots with 'virsh snapshot-list {Disk.Domain}', and delete those that are not needed, then try again.");
        }
    }

    private void RefuseForeignUsers(RemovalRequest request, ImageUse use)
    {
        var ownLayers = Chain.Where(layer => layer.HasPath).Select(layer => layer.Path!).ToList();
        foreach (var image in new[] { Base.Path, Overlay }.OfType<string>())
        {
            if (use.FindForeignUser(image, Disk.Target, ownLayers) is { } user)
            {
                throw new VirtSnapshotException(
                    FailureKind.ResourceBusy,
                    "SourceShared",
                    Disk,
                    $"The snapshot of disk '{Disk.Target}' of domain '{Disk.Domain}' cannot be merged: '{image}' would change, and {user}. "
                    + $"Nothing was touched. {WayOut(request, image)}".TrimEnd());
            }

            if (use.FindReaders(image) is [{ } reader, ..])
            {
                throw BusyReading(image, reader.ToString(), null);
            }
        }
    }

    /// <summary>The advice for two disks with overlays on one base, of which neither can be merged.</summary>
    private string WayOut(RemovalRequest request, string image) => image != Base.Path
        ? ""
        : (IsActiveLayer ? "" : "Remove the newer snapshots of this disk first. ") + SharedImage.WayOut(request.Domain, Disk);

    public VirtSnapshotException BusyReading(string image, string reader, Exception? inner) => new(
        FailureKind.ResourceBusy,
        "SourceInUse",
        Disk,
        $"The snapshot of disk '{Disk.Target}' of domain '{Disk.Domain}' cannot be merged while '{image}' is in use: {reader}. Nothing was touched. "
        + "Wait until the backup has finished, then try again.",
        inner);

    private void RefuseOtherJob(RemovalRequest request, BlockJob? job)
    {
        // Another tool may have started a job since a run died: that one must not be pivoted. libvirt allows one job at a time, so a job without
        // a mirror is the one of that run, if the domain was not restarted since.
        var isOurs = request.Begun.Contains(Disk.Target) && (IsActiveLayer
            ? job?.Type == BlockJobType.ActiveCommit && (IsMirrorForgotten ? request.SameRun.Contains(Disk.Target) : Disk.MirrorTarget == Base.Path)
            : job?.Type == BlockJobType.Commit);
        if ((job is not null || Disk.HasMirror) && !isOurs)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "BlockJobRunning",
                Disk,
                $"A block job is running on disk '{Disk.Target}' of domain '{Disk.Domain}'. Nothing was touched. Wait until it has ended, then try again.");
        }
    }
}
