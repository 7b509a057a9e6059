using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Quiescing;

/// <summary>
/// Pauses the vCPUs of a running guest during an act if it is not frozen: QEMU completes its pending writes, and all disks are of one moment. A guard
/// outside this process resumes the guest if this process dies. A guest that is already paused stays paused: another client or QEMU has paused it, and
/// only they may resume it.
/// </summary>
internal sealed class VcpuPause(LibvirtDomain native, VmDomain domain, IHost host, SpareGuards spares, QuiesceOptions options)
{
    private const string Resumed = "another client resumed the guest before the snapshots were taken";

    private bool IsRunning => native.State is DomainState.Running or DomainState.Blocked;

    /// <summary>Pauses, runs the act, and resumes also if the act fails.</summary>
    /// <param name="act">The act. Its exception is rethrown after the guest is resumed.</param>
    /// <returns>Why it is uncertain that the guest was paused all the time, as a clause; null if it is certain.</returns>
    /// <exception cref="VirtSnapshotException"><c>FreezeGuardUnavailable</c>: nothing was paused, and the act was not called.</exception>
    /// <exception cref="LibvirtException">It could not be paused.</exception>
    public string? Around(Action act)
    {
        var guard = FreezeGuard.Start(host, spares, domain, options.FreezeTimeout);
        try
        {
            guard.WaitUntilReady();
            if (!IsRunning)
            {
                guard.ConfirmResumed();
                ActWithoutLimit(act);
                return IsRunning ? Resumed : null;
            }

            guard.AnnouncePause();
            native.Suspend();
            CallTimeoutException? late = null;
            try
            {
                act();
                return native.State == DomainState.Paused ? null : Resumed;
            }
            catch (CallTimeoutException e)
            {
                late = e;
            }
            finally
            {
                if (late is null)
                {
                    Resume(native, guard);
                }
                else
                {
                    ResumeThroughOther(guard);
                }
            }

            late.WaitForOutcome();
            return $"{late.Message}, so the guest was resumed before the snapshot was taken";
        }
        catch (QuiesceUnavailableException e)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceUnavailable,
                "FreezeGuardUnavailable",
                domain,
                $"The vCPUs of domain '{domain.Name}' cannot be paused for the snapshot: {e.Message}.",
                e);
        }
        finally
        {
            guard.Dispose();
        }
    }

    private static void ActWithoutLimit(Action act)
    {
        try
        {
            act();
        }
        catch (CallTimeoutException late)
        {
            late.WaitForOutcome();
        }
    }

    /// <summary>Resumes through another connection while a call that timed out still uses the run's own.</summary>
    private void ResumeThroughOther(FreezeGuard guard)
    {
        try
        {
            using var other = DomainFinder.Open(domain);
            Resume(other, guard);
        }
        catch (VirtSnapshotException)
        {
            // The guard resumes the guest.
        }

        // Now, not only after the call has ended.
        guard.Dispose();
    }

    /// <summary>Resumes the guest. If that fails, the guard does it when it is disposed of.</summary>
    private static void Resume(LibvirtDomain connected, FreezeGuard guard)
    {
        try
        {
            if (connected.IsPausedByCall)
            {
                connected.Resume();
            }

            guard.ConfirmResumed();
        }
        catch (LibvirtException)
        {
            // The connection is lost, or another client has just resumed it: the guard checks until the guest is running.
        }
    }
}
