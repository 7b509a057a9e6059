namespace VirtSnapshot.Native;

/// <summary>A block job that is running on a disk. <c>Current == End</c> alone does not mean that it is ready.</summary>
/// <param name="Type">The kind of job.</param>
/// <param name="Current">The progress, in the job's own units (bytes for commits).</param>
/// <param name="End">The end value, in the same units; it may grow while the guest writes.</param>
internal sealed record BlockJob(BlockJobType Type, ulong Current, ulong End);

/// <summary><c>virDomainBlockJobType</c></summary>
internal enum BlockJobType
{
    /// <summary>Not reported.</summary>
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

/// <summary>The data of a <c>VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2</c> event. The disk is named by its target.</summary>
internal readonly record struct BlockJobEvent(string Target, BlockJobStatus Status);

/// <summary><c>virConnectDomainEventBlockJobStatus</c></summary>
public enum BlockJobStatus
{
    /// <summary>Finished. A pivoted job also ends with this status.</summary>
    Completed = 0,

    /// <summary>Failed in QEMU, for instance after an I/O error.</summary>
    Failed = 1,

    /// <summary>Aborted without pivot.</summary>
    Canceled = 2,

    /// <summary>Fully mirrored; it can be pivoted.</summary>
    Ready = 3,
}
