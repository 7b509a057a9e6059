using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Methods;

/// <summary>One provider's part in one run: prepare outside the freeze window, take inside it, complete outside again.</summary>
internal interface SnapshotSteps
{
    /// <summary>What it is going to make, one for each disk: known before anything is made, so that the journal can name it.</summary>
    IReadOnlyList<PlannedSnapshot> Disks { get; }

    /// <summary>Whether a running guest that is not frozen must at least stand still for it: the act copies what QEMU may still hold back.</summary>
    bool NeedsVcpuPause { get; }

    /// <summary>Whether the act may last so long that the guest should not wait for it.</summary>
    bool IsSlow { get; }

    /// <summary>Everything slow or fallible that can be done ahead.</summary>
    void Prepare(CancellationToken cancellation);

    /// <summary>Takes back what <see cref="Prepare"/> made. Only where <see cref="Take"/> was never called.</summary>
    void Abandon();

    /// <summary>Only the atomic act itself: the guest may be frozen.</summary>
    /// <exception cref="LateCallException">A call of libvirt is still running: the caller thaws the guest, and then waits for the outcome.</exception>
    void Take();

    /// <summary>Everything slow that can wait, and the proof that what was taken is there.</summary>
    /// <param name="now">The domain after the act.</param>
    /// <returns>The targets of the disks that the domain's definition now shows differently.</returns>
    IReadOnlyList<string> Complete(VmDomain now);
}
