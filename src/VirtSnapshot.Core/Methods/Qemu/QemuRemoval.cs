using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Pours each overlay into the base it stands on and takes it out of the chain: with block jobs while the domain runs,
/// with qemu-img while it is shut off.
/// </summary>
internal sealed class QemuRemoval : IRemoval
{
    private readonly RemovalOrder order;
    private readonly List<MergeStep> steps = [];

    // Of these only the record goes.
    private readonly List<RecordedDisk> gone = [];
    private readonly List<RemovedDisk> refused = [];
    private ImageUse? useAfterMerge;

    public QemuRemoval(RemovalOrder order)
    {
        this.order = order;
        using var ahead = ImageChain.ReadAhead(order.Host, order.Disks.Select(record => DiskSource.ForPath(OverlayData.PathOf(record), "qcow2", isBlockDevice: false)));
        var use = ImageUse.Read(order);
        foreach (var record in order.Disks)
        {
            try
            {
                if (order.FindDisk(record.Target) is null && UnusedOverlay.IsGone(order.Host, OverlayData.PathOf(record), []))
                {
                    gone.Add(record);
                }
                else
                {
                    steps.Add(MergeStep.Plan(order, use, record));
                }
            }
            catch (VirtSnapshotException e)
            {
                refused.Add(new RemovedDisk(record, null, null, new RemovalFailure(e, HadBegun: false)));
            }
        }
    }

    public IReadOnlyList<RemovedDisk> Refused => refused;

    public IReadOnlyList<RecordedDisk> Accepted => [.. gone, .. steps.Select(step => step.Record)];

    public IReadOnlyList<RemovedDisk> Merge(Action<RemovalProgress> progress, CancellationToken cancellation)
    {
        var pending = steps.Where(step => !step.IsMerged).ToList();
        var failures = order.Domain.IsActive
            ? new LiveMerge(order, pending).Run(progress, cancellation)
            : new OfflineMerge(order).Run(pending, progress, cancellation);
        return
        [
            .. gone.Select(record => new RemovedDisk(record, null, null, null)),
            .. steps.Select(step => step.StandsAlone
                ? new RemovedDisk(step.Record, null, null, null)
                : new RemovedDisk(
                    step.Record,
                    DiskSource.ForPath(step.Overlay, "qcow2", isBlockDevice: false),
                    step.Record.Source,
                    failures.GetValueOrDefault(step.Record.Target))),
        ];
    }

    public void Discard(RecordOrder now, RemovedDisk disk)
    {
        var path = OverlayData.PathOf(disk.Record);
        if (disk.OldSource is null || now.Host.Stat(path) is null)
        {
            return;
        }

        useAfterMerge ??= ImageUse.Read(now);
        if (OverlayProof.WhyKept(now, useAfterMerge, disk.Record, [path]) is { } why)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidResult,
                "OverlayStillNeeded",
                order.Domain,
                $"The overlay '{path}' of disk '{disk.Record.Target}' of domain '{order.Domain.Name}' was merged, but not deleted: {why}. "
                + $"Compare 'virsh domblklist {order.Domain.Name}' with 'virsh domblklist --inactive {order.Domain.Name}'.");
        }

        now.Host.Delete(path);
    }
}
