using System.Collections.Concurrent;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Block commits of a running domain's overlays, all disks at once: https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainBlockCommit.
/// A crash leaves a working domain: an unfinished job continues in QEMU, and an aborted one leaves the overlay in use.
/// </summary>
internal sealed class LiveMerge(RemovalRequest request, IReadOnlyList<MergeStep> steps)
{
    // Events drive the merge; polling is for progress, and for events that were sent before the registration.
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    // libvirt reports that a job has failed, but not why. QEMU commits in pieces of at most 16 MiB: the last one may have failed for lack of space.
    private const long LargestPiece = 16 << 20;

    private static readonly Version FirstWithoutDeny = new(12, 1);

    private readonly Dictionary<string, RemovalFailure> failures = new(StringComparer.Ordinal);
    private readonly Dictionary<string, MergeStep> running = new(StringComparer.Ordinal);
    private readonly HashSet<MergeStep> pivoting = [];
    private readonly HashSet<MergeStep> stopped = [];

    public IReadOnlyDictionary<string, RemovalFailure> Run(Action<RemovalProgress> progress, CancellationToken cancellation)
    {
        // Never disposed: a callback that runs during the deregistration may still add to it.
        var events = new BlockingCollection<BlockJobEvent>();
        var deregister = request.Native.ListenToBlockJobs(events.Add);
        try
        {
            foreach (var step in steps)
            {
                Begin(step);
            }

            request.Reached(RunStep.MergeStarted);
            while (running.Count > 0)
            {
                if (cancellation.IsCancellationRequested)
                {
                    AbortAll();
                }
                else if (events.TryTake(out var happened, PollInterval))
                {
                    Handle(happened);
                }
                else
                {
                    Poll(progress);
                }
            }
        }
        catch (LibvirtException e)
        {
            // The daemon or the domain is lost; the jobs continue in QEMU, if it still runs.
            foreach (var step in running.Values)
            {
                Fail(step, Lost(step, e, $"merging disk '{step.Disk.Target}' of domain '{request.Domain.Name}'"), hadBegun: true);
            }
        }
        finally
        {
            deregister();
        }

        VerifyAll();
        return failures;
    }

    private void Begin(MergeStep step)
    {
        try
        {
            if (request.Begun.Contains(step.Disk.Target) && request.Native.FindJob(step.Disk.Target) is not null)
            {
                // It still has the limit of the run that started it.
                request.Native.SetJobSpeed(step.Disk.Target, request.Bandwidth);
            }
            else
            {
                Start(step);
            }

            running[step.Disk.Target] = step;
        }
        catch (LibvirtException e)
        {
            // If the daemon is lost during the call, the job may have started.
            Fail(step, ExplainStart(step, e), hadBegun: e.ConnectionLost || request.Begun.Contains(step.Disk.Target));
        }
    }

    private void Start(MergeStep step)
    {
        var bottom = Layer(step, step.Position!.Value + 1);
        if (step.IsActiveLayer)
        {
            request.Native.CommitActive(step.Disk.Target, bottom, request.Bandwidth);
        }
        else
        {
            request.Native.CommitMiddle(step.Disk.Target, bottom, Layer(step, step.Position.Value), request.Bandwidth);
        }
    }

    private static string Layer(MergeStep step, int position) => step.Chain[position] switch
    {
        { Index: { } index } => $"{step.Disk.Target}[{index}]",
        var layer => layer.Path!,
    };

    private void Handle(BlockJobEvent happened)
    {
        if (!running.TryGetValue(happened.Target, out var step))
        {
            return;
        }

        switch (happened.Status)
        {
            case BlockJobStatus.Ready when pivoting.Contains(step):
                // Polling was faster than this event.
                break;
            case BlockJobStatus.Ready:
                request.Reached(RunStep.MergeReady);
                Pivot(step);
                break;
            case BlockJobStatus.Completed:
                End(step);
                break;
            case BlockJobStatus.Canceled:
                Fail(step, NotMerged(step, "the job was aborted from outside"), hadBegun: true);
                break;
            default:
                Fail(step, JobFailed(step), hadBegun: true);
                break;
        }
    }

    private void Poll(Action<RemovalProgress> progress)
    {
        VmDomain? now = null;
        foreach (var (target, step) in running.ToArray())
        {
            if (request.Native.FindJob(target) is not { } job)
            {
                // Ended, and the event was missed. The definition shows the outcome.
                End(step);
                continue;
            }

            progress(new RemovalProgress(target, job.Current, job.End));
            if (step.IsActiveLayer && !pivoting.Contains(step) && job.Current == job.End
                && (step.IsMirrorForgotten || (now ??= DomainReader.Read(request.Native)).FindDisk(target) is { IsMirrorReady: true }))
            {
                Pivot(step);
            }
        }
    }

    private void Pivot(MergeStep step)
    {
        try
        {
            // Asynchronous, so that the other disks need not wait.
            request.Native.BeginPivot(step.Disk.Target);
            pivoting.Add(step);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.BlockCopyActive)
        {
            // "Not ready for pivot yet": not a failure, the guest has written again.
        }
        catch (LibvirtException e) when (!e.ConnectionLost)
        {
            // The other disks are not affected.
            Abort(step);
            Fail(step, NotMerged(step, e.Message.TrimEnd('.')), hadBegun: true);
        }
    }

    private void End(MergeStep step)
    {
        running.Remove(step.Disk.Target);
        if (pivoting.Contains(step))
        {
            request.Reached(RunStep.Pivoted);
        }
    }

    private void AbortAll()
    {
        foreach (var step in running.Values.ToArray())
        {
            Abort(step);
            stopped.Add(step);
            Fail(
                step,
                new VirtSnapshotException(
                    FailureKind.OperationStopped,
                    "RemovalStopped",
                    step.Disk,
                    $"Merging disk '{step.Disk.Target}' of domain '{request.Domain.Name}' was stopped. The domain continues to use its overlay "
                    + $"'{step.Overlay}', and no data is lost, "
                    + "but the backup source is partly merged: do not read it. Run Remove-DiskSnapshot or Repair-DiskSnapshot."),
                hadBegun: true);
        }
    }

    private void Abort(MergeStep step)
    {
        if (step.IsMirrorForgotten)
        {
            // It continues in QEMU; the next removal or repair pivots it.
            return;
        }

        try
        {
            request.Native.AbortJob(step.Disk.Target);
        }
        catch (LibvirtException)
        {
            // It has just ended. The definition shows the outcome.
        }
    }

    /// <summary>Verifies the merge by the definitions, which must not name the overlay any more, not by the job's status.</summary>
    private void VerifyAll()
    {
        var unverified = steps.Where(step => failures.GetValueOrDefault(step.Disk.Target) is null || stopped.Contains(step)).ToList();
        try
        {
            var now = unverified.Count == 0 ? null : DomainReader.Read(request.Native);
            foreach (var step in unverified)
            {
                var chain = now!.FindDisk(step.Disk.Target) is { } disk ? ImageChain.Of(request.Host, now, disk) : [];
                var isMerged = chain.Count > 0
                    && chain.All(layer => layer.Path != step.Overlay)
                    && chain.Any(layer => layer.IsSameAs(step.Base));
                if (isMerged)
                {
                    // The merge was complete before the stop.
                    failures.Remove(step.Disk.Target);
                }
                else if (!failures.ContainsKey(step.Disk.Target))
                {
                    Fail(step, NotMerged(step, $"its chain is {string.Join(" -> ", chain)}"), hadBegun: true);
                }
            }
        }
        catch (LibvirtException e)
        {
            foreach (var step in unverified)
            {
                Fail(step, Lost(step, e, $"reading domain '{request.Domain.Name}' after the merge"), hadBegun: true);
            }
        }
    }

    private static VirtSnapshotException Lost(MergeStep step, LibvirtException e, string doing) =>
        LibvirtFailure.Explain(e, step.Disk, doing, "Run Repair-DiskSnapshot to complete the merge.");

    private void Fail(MergeStep step, VirtSnapshotException error, bool hadBegun)
    {
        running.Remove(step.Disk.Target);
        failures[step.Disk.Target] = new RemovalFailure(error, hadBegun);
    }

    private VirtSnapshotException JobFailed(MergeStep step) => FindScarceSpace(step.Base) is { } free
        ? NotMerged(
            step,
            $"QEMU's job failed, most likely because no space is left: the base's file system has {free >> 10:N0} KiB free",
            "Free space there",
            FailureKind.QuotaExceeded)
        : NotMerged(step, "QEMU's job failed, as after an I/O error");

    /// <summary>The free bytes of the base's file system, where they are too few for a job; else, and where that is unknown, null.</summary>
    private long? FindScarceSpace(DiskSource image)
    {
        try
        {
            return image.Path is { } path
                && request.Host.Stat(path, followLink: true) is { IsRegularFile: true }
                && request.Host.FreeSpace(path) is var free and < LargestPiece ? free : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or VirtSnapshotException)
        {
            return null;
        }
    }

    private VirtSnapshotException NotMerged(
        MergeStep step, string why, string advice = "Check QEMU's log", FailureKind kind = FailureKind.InvalidResult) => new(
        kind,
        "MergeFailed",
        step.Disk,
        $"The overlay '{step.Overlay}' of disk '{step.Disk.Target}' of domain '{request.Domain.Name}' was not merged into '{step.Base}': {why}. "
        + $"The domain's disk works as before, and no data is lost. {advice}, then run Remove-DiskSnapshot again.");

    private VirtSnapshotException ExplainStart(MergeStep step, LibvirtException e) =>
        ToolError.IsImageLocked(e.Message)
            ? step.BusyReading(step.Base.ToString(), e.Message, e)
            : LibvirtFailure.Explain(
                e,
                step.Disk,
                $"merging disk '{step.Disk.Target}' of domain '{step.Disk.Domain}'",
                ToolError.IsNoPermission(e.Message)
                    ? ExplainDenied($"{step.Base}", step.Disk.Domain, request.Native.Connection.LibraryVersion)
                    : "The domain works as before.");

    /// <summary>
    /// The advice where QEMU may not write to the base. A guest started with an overlay gets an AppArmor profile that denies writing to the base, which no
    /// allow rule overrides; libvirt 12.1 no longer writes that rule.
    /// </summary>
    /// <param name="image">The base.</param>
    /// <param name="domain">The domain's name.</param>
    /// <param name="libvirt">The version of the connected libvirt.</param>
    internal static string ExplainDenied(string image, string domain, Version libvirt) =>
        $"QEMU may not write to '{image}'; the domain works as before. Search the kernel's log for 'apparmor=\"DENIED\"'. "
        + (libvirt < FirstWithoutDeny
            ? $"If found: the AppArmor profile that libvirt {libvirt} gives to a guest started on an overlay denies writing to the overlay's base, and "
                + $"no local rule overrides that (libvirt {FirstWithoutDeny} and later do not). "
            : "If found: the AppArmor profile lacks that file; allow it in /etc/apparmor.d/local/abstractions/libvirt-qemu (libvirt issue 622), and try "
                + "again. ")
        + $"Merging works while the domain is shut off: 'virsh shutdown {domain}', then Remove-DiskSnapshot.";
}
