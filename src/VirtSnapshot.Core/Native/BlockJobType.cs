namespace VirtSnapshot.Native;

/// <summary><c>virDomainBlockJobType</c></summary>
internal enum BlockJobType
{
    /// <summary>Not told.</summary>
    Unknown = 0,

    /// <summary>Pulls a backing image into the active one.</summary>
    Pull = 1,

    /// <summary>Copies (mirrors) the disk elsewhere.</summary>
    Copy = 2,

    /// <summary>Commits a layer that is not the active one.</summary>
    Commit = 3,

    /// <summary>Commits the active layer; stays until it is pivoted or aborted.</summary>
    ActiveCommit = 4,

    /// <summary>A backup job.</summary>
    Backup = 5,
}
