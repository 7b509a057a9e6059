using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Quiescing;

/// <summary>
/// Lets a running guest stand still for the moment of an act, where it is not frozen: QEMU writes out what it still holds back, and all disks
/// are of one moment. A guard outside this process lets the guest go on if we die. One that stands still already stays so: somebody, or QEMU itself, has
/// paused it, and nobody but they know when it may go on.
/// </summary>
internal sealed class Standstill(LibvirtDomain native, VmDomain domain, IHost host, QuiesceOptions options)
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
        var guard = FreezeGuard.Start(host, domain, options.FreezeTimeout);
        try
        {
            guard.WaitUntilReady();
            if (!IsRunning)
            {
                guard.ConfirmResumed();
                act();
                return IsRunning ? GoneOn : null;
            }

            guard.AnnouncePause();
            native.Suspend();
            try
            {
                act();
                return native.State == DomainState.Paused ? null : GoneOn;
            }
            finally
            {
                Resume(guard);
            }
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

    /// <summary>Where we cannot, the guard goes on with it as soon as it is let go.</summary>
    private void Resume(FreezeGuard guard)
    {
        try
        {
            if (native.IsPausedByCall)
            {
                native.Resume();
            }

            guard.ConfirmResumed();
        }
        catch (LibvirtException)
        {
            // The daemon is lost, or somebody else resumed it just now: the guard looks until the guest runs.
        }
    }
}
