using VirtSnapshot.Domains;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>One overlay that is to be poured into its base.</summary>
/// <param name="Record">The snapshot.</param>
/// <param name="Disk">The disk.</param>
/// <param name="Overlay">The overlay's path.</param>
/// <param name="Chain">The disk's layers when this was planned.</param>
/// <param name="Position">The overlay's place in the chain, its base right behind it; null where it is out of the chain already.</param>
internal sealed record MergeStep(SnapshotRecord Record, VmDisk Disk, string Overlay, IReadOnlyList<DiskSource> Chain, int? Position)
{
    /// <summary>
    /// Whether libvirt has lost sight of what our job writes to, as 9.0 does when it is killed within the call that starts the job: it still pivots such a job,
    /// and crashes when it is to abort it.
    /// </summary>
    public bool IsMirrorForgotten { get; private init; }

    public bool IsMerged => Position is null;

    public DiskSource Base => Record.Source;

    private string UndeterminedMerge => $"VirtSnapshot cannot determine whether the overlay '{Overlay}' is merged and deleted";

    /// <summary>
    /// Whether the overlay has become an image of its own, as <c>virsh blockpull</c> makes it: there is nothing to merge or to delete, and only
    /// the record goes.
    /// </summary>
    public bool StandsAlone => IsMerged && Chain[^1].Path == Overlay;

    /// <summary>Whether the domain writes to this overlay, so that it must be pivoted away from it.</summary>
    public bool IsActiveLayer => Position == 0;

    /// <summary>The layer that stands on the overlay.</summary>
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
    /// An overlay that is out of the chain was merged, or somebody has moved the disk back to its base and left the guest's
    /// data in the overlay. Only where the former is certain does the removal go on to delete it.
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
                $"The overlay '{overlay}' does not stand on '{record.Source}' in the chain of disk '{disk.Target}' of domain '{request.Domain.Name}' any more: "
                + $"the chain is {string.Join(" -> ", chain)}. Somebody else merged or moved it. Nothing was touched.");
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
                $"A run died while it removed the overlay '{overlay}' of disk '{disk.Target}' of domain '{request.Domain.Name}'. The disk no longer uses it, but the domain was restarted since, "
                + "so nothing proves that its data was merged, and it is kept. Compare both images with 'qemu-img compare'; "
                + "then move the overlay to another folder, to keep it, and run Repair-DiskSnapshot again.");
        }
    }

    private static VirtSnapshotException NoDisk(RemovalRequest request, SnapshotRecord record) => new(
        FailureKind.ObjectNotFound,
        "DiskNotFound",
        request.Domain,
        request.FindDisk(record.Target) is not null
            ? $"Disk '{record.Target}' was detached from the running domain '{request.Domain.Name}', and its stored definition still has it, so its snapshot "
                + "cannot be merged now. Nothing was touched. Attach the disk again, or shut the domain off, and try again."
            : UnusedOverlay.FindUser(request, record) is { } user
            ? $"Disk '{user.Target}' of domain '{request.Domain.Name}' uses '{OverlayData.PathOf(record)}', which the snapshot of disk '{record.Target}' has "
                + $"made, so it cannot be merged. Nothing was touched. Give the disk its target '{record.Target}' again, and try again."
            : $"Domain '{request.Domain.Name}' has no disk '{record.Target}' any more, and a run died while it removed its snapshot. Nothing was touched. "
                + $"Attach the disk again; or, if it is not needed any more, move '{OverlayData.PathOf(record)}' to another folder. "
                + "Then run Repair-DiskSnapshot.");

    /// <summary>The chain of a domain that is shut off is read from its images, and one whose image is missing looks like one without the overlay.</summary>
    private void RefuseUnreadableChain(RemovalRequest request)
    {
        if (!request.Domain.IsActive && !Chain.Any(layer => layer.IsSameAs(Record.Source))
            && Chain[^1].Path is { } last && !UnusedOverlay.IsAccessible(request.Host, last))
        {
            throw Missing(last, UndeterminedMerge);
        }
    }

    /// <summary>An overlay that cannot be seen now may still have to be deleted: its record, or the journal, is all that knows of it.</summary>
    private void RefuseHiddenOverlay(RemovalRequest request)
    {
        if (request.Host.Stat(Overlay) is null && !UnusedOverlay.IsGone(request.Host, Overlay, Chain))
        {
            var images = Chain.Select(layer => layer.Path).OfType<string>();
            throw Missing(images.FirstOrDefault(image => !UnusedOverlay.IsAccessible(request.Host, image)) ?? Path.GetDirectoryName(Overlay)!, UndeterminedMerge);
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
        + "Mount its file system or activate its volume, and try again.");

    /// <summary>qemu-img finds a base by what is written in the overlay, and a network base is not.</summary>
    private void RefuseNetworkBase(RemovalRequest request)
    {
        if (!request.Domain.IsActive && Chain.Any(layer => !layer.HasPath))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "DomainNotRunning",
                Disk,
                $"The base '{Chain[^1]}' of disk '{Disk.Target}' of domain '{Disk.Domain}' is on the network, and only a running QEMU can merge into it. Nothing was touched. Start the domain first.");
        }
    }

    /// <summary>
    /// A shut-off domain's chain is opened by qemu-img, which has no secrets of libvirt, and may not reach what QEMU reaches. Asked before the journal says
    /// that the merge has begun: measuring opens all that a merge opens, reads no data, and minds no lock.
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
                $"The snapshot of disk '{Disk.Target}' of domain '{Disk.Domain}' cannot be merged while the domain is shut off, since "
                + $"'{Overlay}' cannot be opened with all that it stands on: {refused.ToolError}. Nothing was touched. "
                + "Start the domain, and remove the snapshot while it runs; or make readable what cannot be opened, and try again.");
        }
    }

    /// <summary>What the image itself or libvirt's own snapshots keep in the overlay would go with it.</summary>
    private void RefuseInnerSnapshots(RemovalRequest request)
    {
        if (InnerSnapshots.Need(request, Overlay))
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "OverlayHasSnapshots",
                Disk,
                $"A snapshot that was made with libvirt or QEMU itself needs the overlay '{Overlay}' of disk '{Disk.Target}' of domain '{Disk.Domain}'. Nothing was touched. "
                + $"Look at them with 'virsh snapshot-list {Disk.Domain}', and delete those that are not needed first.");
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

    /// <summary>Two disks that stand on one base with their overlays can neither be merged, each for the other's sake.</summary>
    private string WayOut(RemovalRequest request, string image) => image != Base.Path
        ? ""
        : (IsActiveLayer ? "" : "Remove the newer snapshots of this disk first. ") + SharedImage.WayOut(request.Domain, Disk);

    public VirtSnapshotException BusyReading(string image, string reader, Exception? inner) => new(
        FailureKind.ResourceBusy,
        "SourceInUse",
        Disk,
        $"The snapshot of disk '{Disk.Target}' of domain '{Disk.Domain}' cannot be merged while somebody reads '{image}': {reader}. Nothing was touched. "
        + "Let the backup finish, and try again.",
        inner);

    private void RefuseOtherJob(RemovalRequest request, BlockJob? job)
    {
        // Somebody else may have started a job since a run before us has died: pivoting that one is not ours to do. libvirt allows one job at a time, so
        // one that has lost its mirror is the one that we had begun, if the domain was not restarted since.
        var isOurs = request.Begun.Contains(Disk.Target) && (IsActiveLayer
            ? job?.Type == BlockJobType.ActiveCommit && (IsMirrorForgotten ? request.SameRun.Contains(Disk.Target) : Disk.MirrorTarget == Base.Path)
            : job?.Type == BlockJobType.Commit);
        if ((job is not null || Disk.HasMirror) && !isOurs)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "BlockJobRunning",
                Disk,
                $"A block job is running on disk '{Disk.Target}' of domain '{Disk.Domain}'. Nothing was touched. Wait for it, and try again.");
        }
    }
}
