using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Commits each overlay into its base and removes it from the chain: by block jobs while the domain runs, by qemu-img while it
/// is shut off.
/// </summary>
internal sealed class QemuRemoval : IRemoval
{
    private readonly RemovalRequest request;
    private readonly List<MergeStep> steps = [];

    // Only the records of these are removed.
    private readonly List<SnapshotRecord> gone = [];
    private readonly List<RemovalOutcome> refused = [];
    private ImageUse? useAfterMerge;

    public QemuRemoval(RemovalRequest request)
    {
        this.request = request;
        using var ahead = ImageChain.ReadAhead(
            request.Host, request.Disks.Select(record => DiskSource.ForPath(OverlayData.PathOf(record), "qcow2", isBlockDevice: false)));
        var use = ImageUse.Read(request);
        foreach (var record in request.Disks)
        {
            try
            {
                if (request.FindDisk(record.Target) is null && UnusedOverlay.IsGone(request.Host, OverlayData.PathOf(record), []))
                {
                    gone.Add(record);
                }
                else
                {
                    steps.Add(MergeStep.Plan(request, use, record));
                }
            }
            catch (VirtSnapshotException e)
            {
                refused.Add(new RemovalOutcome(record, null, null, new RemovalFailure(e, HadBegun: false)));
            }
        }
    }

    public IReadOnlyList<RemovalOutcome> Refused => refused;

    public IReadOnlyList<SnapshotRecord> Accepted => [.. gone, .. steps.Select(step => step.Record)];

    public IReadOnlyList<RemovalOutcome> Merge(Action<RemovalProgress> progress, CancellationToken cancellation)
    {
        var pending = steps.Where(step => !step.IsMerged).ToList();
        var failures = request.Domain.IsActive
            ? new LiveMerge(request, pending).Run(progress, cancellation)
            : new OfflineMerge(request).Run(pending, progress, cancellation);
        return
        [
            .. gone.Select(record => new RemovalOutcome(record, null, null, null)),
            .. steps.Select(step => step.StandsAlone
                ? new RemovalOutcome(step.Record, null, null, null)
                : new RemovalOutcome(
                    step.Record,
                    DiskSource.ForPath(step.Overlay, "qcow2", isBlockDevice: false),
                    step.Record.Source,
                    failures.GetValueOrDefault(step.Record.Target))),
        ];
    }

    public void Discard(MethodRequest now, RemovalOutcome disk)
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
                request.Domain,
                $"The overlay '{path}' of disk '{disk.Record.Target}' of domain '{request.Domain.Name}' was merged, but not deleted: {why}. "
                + $"Compare 'virsh domblklist {request.Domain.Name}' with 'virsh domblklist --inactive {request.Domain.Name}'.");
        }

        now.Host.Delete(path);
    }
}
