using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Methods;

/// <summary>One method's part in taking one set: prepare outside the freeze window, take inside it, complete outside again.</summary>
public interface ISnapshotSteps
{
    /// <summary>What it is going to make, one for each disk. Known before anything is made, so that the journal can name it.</summary>
    IReadOnlyList<PlannedSnapshot> Disks { get; }

    /// <summary>Whether <see cref="Take"/> may take so long that the guest should not wait for it.</summary>
    bool IsSlow => false;

    /// <summary>Everything slow or fallible that can be done ahead.</summary>
    void Prepare(CancellationToken cancellation)
    {
    }

    /// <summary>Undoes <see cref="Prepare"/>, if <see cref="Take"/> was never called. Otherwise <see cref="IRecovery"/> determines what exists.</summary>
    void Abandon()
    {
    }

    /// <summary>Only the atomic act itself: the guest may be frozen.</summary>
    /// <exception cref="CallTimeoutException">A call of libvirt is still running: the caller thaws the guest, and then waits for the outcome.</exception>
    void Take();

    /// <summary>Everything slow that can wait, and the proof that what was taken exists.</summary>
    /// <param name="now">The domain after the act.</param>
    void Complete(VmDomain now);
}

/// <summary>What a provider is going to do for one disk.</summary>
public sealed record PlannedSnapshot(VmDisk Disk, SnapshotRecord Record, IReadOnlyList<string> Files, string? WhyNotQuiesced = null)
{
    /// <summary>The disk.</summary>
    public VmDisk Disk { get; internal init; } = Disk;

    /// <summary>What will be recorded: the backup source, and the method's own data.</summary>
    public SnapshotRecord Record { get; internal init; } = Record;

    /// <summary>What it will make, for people.</summary>
    public IReadOnlyList<string> Files { get; internal init; } = Files;

    /// <summary>Why what it copies may lack what the guest has flushed, so that no freeze makes it <c>Quiesced</c>; null where it does not.</summary>
    public string? WhyNotQuiesced { get; internal init; } = WhyNotQuiesced;
}
