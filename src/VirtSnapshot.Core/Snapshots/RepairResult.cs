namespace VirtSnapshot.Snapshots;

/// <summary>What repairing a domain did.</summary>
public sealed record RepairResult(string Domain, RepairAction Action, IReadOnlyList<string> Details, string Uri)
{
    /// <summary>The domain's name.</summary>
    public string Domain { get; } = Domain;

    /// <summary>What was done with the unfinished run.</summary>
    public RepairAction Action { get; } = Action;

    /// <summary>One sentence for each object that was changed, or could not be cleaned up.</summary>
    public IReadOnlyList<string> Details { get; } = Details;

    /// <summary>The libvirt URI.</summary>
    public string Uri { get; } = Uri;
}

/// <summary>What is done with a run that died, or with snapshots that cannot be read.</summary>
public enum RepairAction
{
    /// <summary>It was complete except for its record.</summary>
    Cleared,

    /// <summary>It was completed.</summary>
    Finished,

    /// <summary>It had not taken the snapshot: what it had made is deleted.</summary>
    Undone,

    /// <summary>A part of it could not be cleaned up: the details say what and why.</summary>
    Incomplete,

    /// <summary>No run died, but snapshots that were not mounted or not active can be read again.</summary>
    Exposed,

    /// <summary>No run died, but a definition was replaced by an old one: the domain's disks use their newest data again.</summary>
    Reattached,

    /// <summary>No run died, but a definition was replaced by an old one: the data that the domain does not use is kept in another file.</summary>
    KeptAside,

    /// <summary>No run died, but snapshots in the disks' backing chains had lost their records, and are recorded again.</summary>
    Recorded,
}
