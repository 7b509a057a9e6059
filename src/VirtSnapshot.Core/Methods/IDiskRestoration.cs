namespace VirtSnapshot.Methods;

/// <summary>
/// Restores one disk to a snapshot. The previous data is kept until all disks of the set are restored, so that the restore can be undone until then. Each
/// step may be repeated.
/// </summary>
public interface IDiskRestoration
{
    /// <summary>What is recorded of it before and afterwards.</summary>
    RestoreRecord Disk { get; }

    /// <summary>The change, as a clause for a message about the disk.</summary>
    string Description { get; }

    /// <summary>Whether <see cref="Switch"/> is irreversible once it has begun. Such disks are switched last.</summary>
    bool IsFinal { get; }

    /// <summary>Whether the disk holds the restored content now.</summary>
    bool IsSwitched();

    /// <summary>Whether an irreversible step has begun.</summary>
    bool IsIrreversible() => false;

    /// <summary>Creates the replacement. The disk is not changed.</summary>
    void Prepare(CancellationToken cancellation);

    /// <summary>
    /// Repeats the checks of the plan: another image, another user of it. It is called immediately before <see cref="Switch"/>.
    /// </summary>
    /// <exception cref="VirtSnapshotException">The disk must not be switched now.</exception>
    void Recheck()
    {
    }

    /// <summary>Puts the replacement in place atomically, and proves it.</summary>
    void Switch();

    /// <summary>Undoes <see cref="Prepare"/> and <see cref="Switch"/>, however far they came. It is not called if <see cref="IsIrreversible"/>.</summary>
    /// <returns>What could not be undone, and why; null if everything is as before.</returns>
    string? Undo();

    /// <summary>Deletes the previous data after proof that it is unused. It is called only after the records are rewritten.</summary>
    /// <returns>What could not be deleted, and why; null if it is deleted.</returns>
    string? Discard();
}

/// <summary>The effect of the restore of one disk on its records. It is part of the journal, so that a restore can be continued after a crash.</summary>
public sealed record RestoreRecord(Guid Group, SnapshotRecord Record, SnapshotRecord? Becomes, IReadOnlyList<SnapshotRecord> Lost)
{
    /// <summary>The set that it is restored from. Temporary objects may be named after it.</summary>
    public Guid Group { get; internal init; } = Group;

    /// <summary>The snapshot that the disk is restored to.</summary>
    public SnapshotRecord Record { get; internal init; } = Record;

    /// <summary>The record of that snapshot afterwards; null if the restore uses it up.</summary>
    public SnapshotRecord? Becomes { get; internal init; } = Becomes;

    /// <summary>The disk's newer snapshots that the restore deletes, the newest first.</summary>
    public IReadOnlyList<SnapshotRecord> Lost { get; internal init; } = Lost;
}

/// <summary>What could not be cleaned up. It is reported, and does not prevent other steps.</summary>
internal static class CleanUp
{
    /// <param name="action">Undoes or cleans up; returns what could not be, and why, or null.</param>
    public static string? Try(Func<string?> action)
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
