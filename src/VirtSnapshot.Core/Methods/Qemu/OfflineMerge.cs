using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Merges a shut-off domain's overlays: libvirt's block commit needs a running QEMU. Each step can be repeated: the overlay
/// keeps its data until nothing names it, and the disk's content is the same before and after the commit.
/// </summary>
internal sealed class OfflineMerge(RemovalRequest request)
{
    public IReadOnlyDictionary<string, RemovalFailure> Run(
        IReadOnlyList<MergeStep> steps, Action<RemovalProgress> progress, CancellationToken cancellation)
    {
        var failures = new Dictionary<string, RemovalFailure>(StringComparer.Ordinal);
        foreach (var step in steps)
        {
            var hasBegunBefore = request.Begun.Contains(step.Disk.Target);
            var hasBegun = hasBegunBefore;
            try
            {
                cancellation.ThrowIfCancellationRequested();
                var size = request.Host.Stat(step.Overlay, followLink: true)?.Size ?? 0;
                progress(new RemovalProgress(step.Disk.Target, 0, size));
                hasBegun = true;
                request.Reached(RunStep.MergeStarted);
                if (Commit(step, cancellation) is { Succeeded: false } refused)
                {
                    failures[step.Disk.Target] = new RemovalFailure(
                        Explain(step, refused.ToolError), hasBegunBefore || !ToolError.IsImageLocked(refused.ToolError));
                    continue;
                }

                request.Reached(RunStep.MergeReady);
                TakeOutOfChain(step);
                request.Reached(RunStep.Pivoted);
                progress(new RemovalProgress(step.Disk.Target, size, size));
            }
            catch (VirtSnapshotException e)
            {
                failures[step.Disk.Target] = new RemovalFailure(e, hasBegun);
            }
            catch (LibvirtException e)
            {
                failures[step.Disk.Target] = new RemovalFailure(
                    LibvirtFailure.Explain(
                        e,
                        step.Disk,
                        $"merging disk '{step.Disk.Target}' of domain '{request.Domain.Name}'",
                        "Run Repair-DiskSnapshot to complete the merge."),
                    hasBegun);
            }
            catch (OperationCanceledException)
            {
                failures[step.Disk.Target] = new RemovalFailure(Stopped(step), hasBegun);
            }
        }

        return failures;
    }

    private ProgramResult Commit(MergeStep step, CancellationToken cancellation)
    {
        // -d keeps the overlay's data: until nothing names the overlay, its data completes a partly written base.
        string[] limit = request.Bandwidth > 0 ? ["-r", $"{request.Bandwidth}"] : [];
        return request.Host.Run("qemu-img", ["commit", "-q", "-d", "-f", "qcow2", .. limit, step.Overlay], cancellation);
    }

    private void TakeOutOfChain(MergeStep step)
    {
        if (step.Child is { } child)
        {
            var result = request.Host.Run(
                "qemu-img", ["rebase", "-u", "-q", "-f", "qcow2", "-b", step.Base.Path!, "-F", step.Base.Format ?? "raw", child.Path!]);
            if (!result.Succeeded)
            {
                throw Explain(step, result.ToolError);
            }

            if (step.Disk.BackingChain.Count > 0)
            {
                // libvirt has stored the chain of the last run, and would open the overlay at the next start.
                PointTo(step, step.Chain[0]);
            }
        }
        else
        {
            PointTo(step, step.Base);
            RefuseIfStarted(step);
        }

        var now = DomainReader.Read(request.Native);
        var chain = now.FindDisk(step.Disk.Target) is { } disk ? ImageChain.Of(request.Host, now, disk) : [];
        if (chain.Count == 0 || chain.Any(layer => layer.Path == step.Overlay))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidResult,
                "MergeFailed",
                step.Disk,
                $"The overlay '{step.Overlay}' was merged into '{step.Base}', but disk '{step.Disk.Target}' of domain '{request.Domain.Name}' still shows "
                + $"the chain {string.Join(" -> ", chain)}. No data is lost. Run Repair-DiskSnapshot.");
        }
    }

    private void PointTo(MergeStep step, DiskSource source) => StoredDisk.PointTo(request, step.Disk.Target, source);

    /// <summary>If the domain is started during the merge, it writes to the overlay, which must stay its disk.</summary>
    private void RefuseIfStarted(MergeStep step)
    {
        var now = DomainReader.Read(request.Native);
        if (!now.IsActive || now.FindDisk(step.Disk.Target)?.Source.Path != step.Overlay)
        {
            return;
        }

        PointTo(step, step.Chain[0]);
        throw new VirtSnapshotException(
            FailureKind.ResourceBusy,
            "DomainStarted",
            step.Disk,
            $"Domain '{request.Domain.Name}' was started while disk '{step.Disk.Target}' was being merged. It uses its overlay '{step.Overlay}', and no "
            + "data is lost. "
            + "Run Remove-DiskSnapshot again: the rest is merged while it runs.");
    }

    private static VirtSnapshotException Explain(MergeStep step, string stderr) =>
        ToolError.IsImageLocked(stderr)
            ? step.BusyReading(step.Base.ToString(), stderr, null)
            : new VirtSnapshotException(
                ToolError.IsNoSpace(stderr) ? FailureKind.QuotaExceeded : FailureKind.InvalidResult,
                "MergeFailed",
                step.Disk,
                $"The overlay '{step.Overlay}' of disk '{step.Disk.Target}' of domain '{step.Disk.Domain}' could not be merged into '{step.Base}': {stderr}. "
                + "The domain's disk is unchanged and no data is lost. Fix the cause, then run Remove-DiskSnapshot again.");

    private VirtSnapshotException Stopped(MergeStep step) => new(
        FailureKind.OperationStopped,
        "RemovalStopped",
        step.Disk,
        $"Merging disk '{step.Disk.Target}' of domain '{request.Domain.Name}' was stopped. No data is lost. Run Remove-DiskSnapshot or Repair-DiskSnapshot.");
}
