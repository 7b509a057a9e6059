namespace VirtSnapshot.Snapshots;

/// <summary>What is done with a run that died, or with snapshots that cannot be read.</summary>
public enum RepairAction
{
    /// <summary>It was done but for the book-keeping.</summary>
    Cleared,

    /// <summary>It is carried through to its end.</summary>
    Finished,

    /// <summary>It had not come to its act: what it had made is removed.</summary>
    Undone,

    /// <summary>Something of it has to stay: the details tell what and why.</summary>
    Incomplete,

    /// <summary>No run died, but snapshots that were not mounted or not active can be read again.</summary>
    Exposed,

    /// <summary>No run died, but a definition was replaced by an old one: the domain goes on with its newest data.</summary>
    Reattached,

    /// <summary>No run died, but a definition was replaced by an old one: the data that the domain does not use is kept in another file.</summary>
    KeptAside,

    /// <summary>No run died, but snapshots that the domain's disks stand on had lost their records, and are recorded again.</summary>
    Recorded,
}
