namespace VirtSnapshot.Methods;

/// <summary>How far a run of one provider came that ended in the middle.</summary>
public interface IRecovery
{
    /// <summary>The disks whose snapshots were taken: they need a record.</summary>
    IReadOnlyList<SnapshotRecord> Taken { get; }

    /// <summary>What lies around of the others, for people.</summary>
    IReadOnlyList<string> Leftovers { get; }

    /// <summary>Deletes the leftovers, each only after it has been proven unneeded.</summary>
    /// <returns>What had to stay, and why.</returns>
    IReadOnlyList<string> CleanUp();
}
