namespace VirtSnapshot.Methods;

/// <summary>
/// Bringing one disk back to what a snapshot holds. What stood there before is kept until all disks of the set are through, so that
/// until then everything can be taken back. Each step may be repeated.
/// </summary>
public interface IDiskRestoration
{
    /// <summary>What is recorded of it before and afterwards.</summary>
    RestoreRecord Disk { get; }

    /// <summary>What is done, as the end of a sentence about the disk.</summary>
    string Description { get; }

    /// <summary>Whether <see cref="Switch"/> cannot be taken back once it has begun: such disks have their turn last.</summary>
    bool IsFinal { get; }

    /// <summary>Whether the disk holds the restored content now.</summary>
    bool IsSwitched();

    /// <summary>Whether something has been done already that cannot be taken back.</summary>
    bool IsIrreversible() => false;

    /// <summary>Makes what will take the place of what is there. The disk stays as it is.</summary>
    void Prepare(CancellationToken cancellation);

    /// <summary>
    /// Refuses what planning refuses, if it has come true since: another disk's image, another user of it. Asked right before <see cref="Switch"/>.
    /// </summary>
    /// <exception cref="VirtSnapshotException">The disk must not be switched now.</exception>
    void Recheck()
    {
    }

    /// <summary>Puts it in that place, at once, and proves it.</summary>
    void Switch();

    /// <summary>Takes back what <see cref="Prepare"/> and <see cref="Switch"/> did, as far as they came. Never called on what is beyond recall.</summary>
    /// <returns>What had to stay, and why; null where everything is as before.</returns>
    string? Undo();

    /// <summary>Deletes what stood there before, after proving that nothing needs it. Only after the records have been rewritten.</summary>
    /// <returns>What had to stay, and why; null where it is gone.</returns>
    string? Discard();
}
