using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Quiescing;

/// <summary>
/// Lets a running guest stand still for the moment of an act, where it is not frozen: QEMU writes out what it still holds back, and all disks
/// are of one moment. A guard outside this process lets the guest go on if we die. One that stands still already stays so: somebody, or QEMU itself, has
/// paused it, and nobody but they know when it may go on.
/// </summary>
internal sealed class VcpuPause(LibvirtDomain native, VmDomain domain, IHost host, SpareGuards spares, QuiesceOptions options)
{
    private const string GoneOn = "somebody else let the guest go on before the snapshots were taken";

    private bool IsRunning => native.State is DomainState.Running or DomainState.Blocked;

    /// <summary>Pauses, acts, and resumes whatever the act does.</summary>
    /// <param name="act">The act. Its exception is passed on after the guest goes on.</param>
    /// <returns>Why it is not certain that the guest stood still all the time; null where it is.</returns>
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
                ActUnhurried(act);
                return IsRunning ? GoneOn : null;
            }

            guard.AnnouncePause();
            native.Suspend();
            CallTimeoutException? late = null;
            try
            {
                act();
                return native.State == DomainState.Paused ? null : GoneOn;
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
                    ResumeBeside(guard);
                }
            }

            late.WaitForOutcome();
            return $"{late.Message}, so the guest went on before the snapshot was taken";
        }
        catch (QuiesceUnavailableException e)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceUnavailable,
                "FreezeGuardUnavailable",
                domain,
                $"Domain '{domain.Name}' has to stand still for the moment of the snapshot, and must not be paused: {e.Message}.",
                e);
        }
        finally
        {
            guard.Dispose();
        }
    }

    private static void ActUnhurried(Action act)
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

    /// <summary>While a late call still has our connection.</summary>
    private void ResumeBeside(FreezeGuard guard)
    {
        try
        {
            using var other = DomainFinder.Open(domain);
            Resume(other, guard);
        }
        catch (VirtSnapshotException)
        {
            // The guard lets the guest go on.
        }

        // Not only when the late call has ended.
        guard.Dispose();
    }

    /// <summary>Where we cannot, the guard goes on with it as soon as it is let go.</summary>
    private static void Resume(LibvirtDomain through, FreezeGuard guard)
    {
        try
        {
            if (through.IsPausedByCall)
            {
                through.Resume();
            }

            guard.ConfirmResumed();
        }
        catch (LibvirtException)
        {
            // The daemon is lost, or somebody else resumed it just now: the guard looks until the guest runs.
        }
    }
}
