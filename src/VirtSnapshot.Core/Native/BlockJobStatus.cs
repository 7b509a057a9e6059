namespace VirtSnapshot.Native;

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
