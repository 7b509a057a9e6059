namespace VirtSnapshot.Tests.Conformance;

/// <summary>What the conformance suite has to know of a method to judge it. The defaults are those of a method that leaves the disk as it is.</summary>
/// <param name="Method">The method's name.</param>
internal sealed record ConformanceTraits(string Method)
{
    /// <summary>Steps at which the storage of any method may be half changed. The other steps belong to the engine.</summary>
    public static readonly IReadOnlyList<RunStep> OwnSnapshotSteps = [RunStep.Prepared, RunStep.Taken];

    /// <summary>Every step of taking a snapshot. One fast method is killed at all of them.</summary>
    public static readonly IReadOnlyList<RunStep> AllSnapshotSteps =
        [RunStep.Journaled, RunStep.Prepared, RunStep.Frozen, RunStep.Taken, RunStep.Thawed, RunStep.Recorded];

    public static readonly IReadOnlyList<(RunStep Step, int Position)> OwnRemovalSteps = [(RunStep.CatalogRewritten, Newest)];

    public static readonly IReadOnlyList<(RunStep Step, int Position)> AllRemovalSteps =
        [(RunStep.RemovalJournaled, Newest), (RunStep.CatalogRewritten, Middle), (RunStep.Discarded, Oldest)];

    /// <summary>The number is how often the step is reached before the kill: each disk is switched by itself.</summary>
    public static readonly IReadOnlyList<(RunStep Step, int Occurrence)> OwnRestoreSteps =
        [(RunStep.RestorePrepared, 1), (RunStep.DiskSwitched, 1), (RunStep.DiskSwitched, 2), (RunStep.Discarded, 1)];

    public static readonly IReadOnlyList<(RunStep Step, int Occurrence)> AllRestoreSteps =
    [
        (RunStep.RestoreJournaled, 1), (RunStep.RestorePrepared, 1), (RunStep.DiskSwitched, 1), (RunStep.DiskSwitched, 2),
        (RunStep.AllSwitched, 1), (RunStep.CatalogRewritten, 1), (RunStep.Discarded, 1),
    ];

    /// <summary>Each way there is: to the newest, over a newer one, over one that was restored to before, and to the same one twice.</summary>
    public static readonly IReadOnlyList<string> AllRestores = ["s3", "s2", "s1", "s1"];

    /// <summary>Positions among three snapshots.</summary>
    public const int Oldest = 0, Middle = 1, Newest = 2;

    /// <summary>How many disks a domain of the suite has, where one test needs no more: two make a set, one makes a slow host bearable.</summary>
    public int Disks { get; init; } = 2;

    /// <summary>Whether the disk writes to a new image afterwards. Then a run that dies after the act is finished, and not undone.</summary>
    public bool ChangesDisk { get; init; }

    /// <summary>The error with which a running domain is refused; null where the method snapshots those.</summary>
    public string? RunningError { get; init; }

    /// <summary>Whether removing a snapshot that another process has open is refused. A method that only queries libvirt cannot know.</summary>
    public bool SeesReaders { get; init; } = true;

    /// <summary>What becomes of the snapshots of a disk that is restored to one of them.</summary>
    public RestoreEffect Restore { get; init; }

    /// <summary>Whether the first disk that is switched back cannot be undone, so that repair finishes the whole set.</summary>
    public bool RestoreIsFinal { get; init; }

    /// <summary>Whether a restored disk goes on in an image of another name.</summary>
    public bool RestoreMovesDisk { get; init; }

    /// <summary>The method of the second disk where a set has disks of two methods.</summary>
    public string Other { get; init; } = "qemu";

    /// <summary>The same where the domain runs.</summary>
    public string RunningOther { get; init; } = "qemu";

    /// <summary>The steps at which a process that takes a snapshot is killed.</summary>
    public IReadOnlyList<RunStep> SnapshotSteps { get; init; } = OwnSnapshotSteps;

    /// <summary>The steps at which a process that removes one of three snapshots is killed, and which of the three.</summary>
    public IReadOnlyList<(RunStep Step, int Position)> RemovalSteps { get; init; } = OwnRemovalSteps;

    /// <summary>To which of three snapshots a disk is restored, in turn.</summary>
    public IReadOnlyList<string> Restores { get; init; } = AllRestores;

    /// <summary>The steps at which a process that restores a set is killed.</summary>
    public IReadOnlyList<(RunStep Step, int Occurrence)> RestoreSteps { get; init; } = OwnRestoreSteps;
}

/// <summary>What becomes of the snapshots of a disk that is restored to one of them.</summary>
internal enum RestoreEffect
{
    /// <summary>All stay.</summary>
    KeepsAll,

    /// <summary>Those taken after it are lost.</summary>
    LosesNewer,

    /// <summary>The restored one is used up, the others stay.</summary>
    UsesUp,
}
