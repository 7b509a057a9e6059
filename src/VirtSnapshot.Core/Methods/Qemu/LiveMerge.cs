using System.Collections.Concurrent;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Block commits of a running domain's overlays, all disks at once: https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainBlockCommit.
/// Whatever ends us leaves a domain that works: an unfinished job goes on in QEMU, and an aborted one leaves the overlay in use.
/// </summary>
internal sealed class LiveMerge(RemovalRequest request, IReadOnlyList<MergeStep> steps)
{
    // Events are what we act on; looking is for progress, and for events that were sent before we listened.
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    // libvirt passes on that a job has failed, and not why. QEMU commits in pieces of at most 16 MiB: the last one may have found less than it needed.
    private const long LargestPiece = 16 << 20;

    private static readonly Version FirstWithoutDeny = new(12, 1);

    private readonly Dictionary<string, RemovalFailure> failures = new(StringComparer.Ordinal);
    private readonly Dictionary<string, MergeStep> running = new(StringComparer.Ordinal);
    private readonly HashSet<MergeStep> pivoting = [];
    private readonly HashSet<MergeStep> stopped = [];

    public IReadOnlyDictionary<string, RemovalFailure> Run(Action<RemovalProgress> progress, CancellationToken cancellation)
    {
        // Never disposed of: a callback that is under way when we stop listening may still add to it.
        var events = new BlockingCollection<BlockJobEvent>();
        var stopListening = request.Native.ListenToBlockJobs(events.Add);
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
                else if (events.TryTake(out var happened, LookEvery))
                {
                    Handle(happened);
                }
                else
                {
                    Look(progress);
                }
            }
        }
        catch (LibvirtException e)
        {
            // The daemon or the domain is lost; the jobs go on in QEMU, if that still lives.
            foreach (var step in running.Values)
            {
                Fail(step, LibvirtFailure.Explain(e, step.Disk, $"merging disk '{step.Disk.Target}' of domain '{request.Domain.Name}'", "Run Repair-DiskSnapshot to finish it."), hadBegun: true);
            }
        }
        finally
        {
            stopListening();
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
            // A daemon that is lost within the call may have started the job all the same.
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
                // Looking was faster than this event.
                break;
            case BlockJobStatus.Ready:
                request.Reached(RunStep.MergeReady);
                Pivot(step);
                break;
            case BlockJobStatus.Completed:
                End(step);
                break;
            case BlockJobStatus.Canceled:
                Fail(step, NotMerged(step, "somebody aborted the job"), hadBegun: true);
                break;
            default:
                Fail(step, GivenUp(step), hadBegun: true);
                break;
        }
    }

    private void Look(Action<RemovalProgress> progress)
    {
        VmDomain? now = null;
        foreach (var (target, step) in running.ToArray())
        {
            if (request.Native.FindJob(target) is not { } job)
            {
                // Ended, and the event was missed. How, the definition will tell.
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
            // Not waited for: the other disks need not stand in line.
            request.Native.BeginPivot(step.Disk.Target);
            pivoting.Add(step);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.BlockCopyActive)
        {
            // "Not ready for pivot yet": not a failure, the guest has only written meanwhile.
        }
        catch (LibvirtException e) when (!e.ConnectionLost)
        {
            // The others are not concerned.
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
                    $"Merging disk '{step.Disk.Target}' of domain '{request.Domain.Name}' was stopped. The domain goes on with its overlay '{step.Overlay}', and no data is lost, "
                    + "but the backup source is half merged: do not read it. Go on with Remove-DiskSnapshot or Repair-DiskSnapshot."),
                hadBegun: true);
        }
    }

    private void Abort(MergeStep step)
    {
        if (step.IsMirrorForgotten)
        {
            // It goes on in QEMU, and whoever takes this up again pivots it.
            return;
        }

        try
        {
            request.Native.AbortJob(step.Disk.Target);
        }
        catch (LibvirtException)
        {
            // It has just ended by itself. The definition tells how.
        }
    }

    /// <summary>What counts is not that a job says it is done, but that no definition names the overlay any more.</summary>
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
                    // A stop that came too late is no stop.
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
                Fail(step, LibvirtFailure.Explain(e, step.Disk, $"reading domain '{request.Domain.Name}' after the merge", "Run Repair-DiskSnapshot to finish it."), hadBegun: true);
            }
        }
    }

    private void Fail(MergeStep step, VirtSnapshotException error, bool hadBegun)
    {
        running.Remove(step.Disk.Target);
        failures[step.Disk.Target] = new RemovalFailure(error, hadBegun);
    }

    private VirtSnapshotException GivenUp(MergeStep step) => FindScarceSpace(step.Base) is { } free
        ? NotMerged(
            step,
            $"QEMU gave the job up, most likely since no space is left: the base's file system has {free >> 10:N0} KiB free",
            "Free space there",
            FailureKind.QuotaExceeded)
        : NotMerged(step, "QEMU gave the job up, as it does after an I/O error");

    /// <summary>How many bytes are free for a base, where they are so few that a job may have failed for it; else, and where that is unknown, null.</summary>
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
        MergeStep step, string why, string advice = "Look into QEMU's log", FailureKind kind = FailureKind.InvalidResult) => new(
        kind,
        "MergeFailed",
        step.Disk,
        $"The overlay '{step.Overlay}' of disk '{step.Disk.Target}' of domain '{request.Domain.Name}' was not merged into '{step.Base}': {why}. "
        + $"The domain goes on with what it has, and no data is lost. {advice}, then run Remove-DiskSnapshot again.");

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
    /// What to do where QEMU may not write to the base. A guest that was started while it had an overlay gets an AppArmor profile that denies writing to the
    /// base, and nothing that is allowed beside it counts; libvirt 12.1 no longer writes that rule.
    /// </summary>
    /// <param name="image">The base.</param>
    /// <param name="domain">The domain's name.</param>
    /// <param name="libvirt">The version of the connected libvirt.</param>
    internal static string ExplainDenied(string image, string domain, Version libvirt) =>
        $"QEMU may not write to '{image}'; the domain works as before. Look for 'apparmor=\"DENIED\"' in the kernel's log. "
        + (libvirt < FirstWithoutDeny
            ? $"If it is there: the AppArmor profile that libvirt {libvirt} gives to a guest started on an overlay denies writing to the overlay's base, and "
                + $"no local rule overrides that (libvirt {FirstWithoutDeny} and later do not). "
            : "If it is there: the AppArmor profile lacks that file; allow it in /etc/apparmor.d/local/abstractions/libvirt-qemu (libvirt issue 622), and try "
                + "again. ")
        + $"Merging works while the domain is shut off: 'virsh shutdown {domain}', then Remove-DiskSnapshot.";
}
