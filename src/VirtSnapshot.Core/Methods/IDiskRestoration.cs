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

/// <summary>What restoring one disk does to its records. The journal keeps it, so that a restore that died is found again.</summary>
public sealed record RestoreRecord(Guid Group, SnapshotRecord Record, SnapshotRecord? Becomes, IReadOnlyList<SnapshotRecord> Lost)
{
    /// <summary>The set that it is restored from: what is made on the way may be named after it.</summary>
    public Guid Group { get; internal init; } = Group;

    /// <summary>The snapshot that the disk goes back to.</summary>
    public SnapshotRecord Record { get; internal init; } = Record;

    /// <summary>What is recorded of that snapshot afterwards; null where restoring uses it up.</summary>
    public SnapshotRecord? Becomes { get; internal init; } = Becomes;

    /// <summary>The disk's newer snapshots that cannot outlive it, the newest first.</summary>
    public IReadOnlyList<SnapshotRecord> Lost { get; internal init; } = Lost;
}

/// <summary>What had to stay when something was undone or tidied up: it is told, and keeps nothing else from being done.</summary>
internal static class Leftover
{
    /// <param name="action">Undoes or tidies up; returns what had to stay, and why, or null.</param>
    public static string? Of(Func<string?> action)
    {
        try
        {
            return action();
        }
        catch (VirtSnapshotException e)
        {
            return e.Message;
        }
    }
}
