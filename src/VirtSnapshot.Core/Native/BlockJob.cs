namespace VirtSnapshot.Native;

/// <summary>A block job that is running on a disk. <c>Current == End</c> alone does not mean that it is ready.</summary>
/// <param name="Type">What it does.</param>
/// <param name="Current">How far it is, in the job's own units (bytes for commits).</param>
/// <param name="End">Where it would be done, in the same units; may grow while the guest writes.</param>
internal sealed record BlockJob(BlockJobType Type, ulong Current, ulong End);

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

/// <summary>What <c>VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2</c> tells: it names the disk by its target.</summary>
internal readonly record struct BlockJobEvent(string Target, BlockJobStatus Status);

/// <summary><c>virConnectDomainEventBlockJobStatus</c></summary>
public enum BlockJobStatus
{
    /// <summary>Done; a job that was pivoted ends so, too.</summary>
    Completed = 0,

    /// <summary>Given up by QEMU, for instance after an I/O error.</summary>
    Failed = 1,

    /// <summary>Aborted without pivot.</summary>
    Canceled = 2,

    /// <summary>Mirrored: may be pivoted.</summary>
    Ready = 3,
}
