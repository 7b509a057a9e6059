namespace VirtSnapshot.Libvirt;

/// <summary><c>virDomainState</c></summary>
public enum DomainState
{
    /// <summary>Not reported by the hypervisor.</summary>
    NoState = 0,

    /// <summary>Running.</summary>
    Running = 1,

    /// <summary>Blocked on a resource; treated as running.</summary>
    Blocked = 2,

    /// <summary>The vCPUs are paused.</summary>
    Paused = 3,

    /// <summary>Shutting down, still running.</summary>
    ShuttingDown = 4,

    /// <summary>Not running.</summary>
    ShutOff = 5,

    /// <summary>Crashed.</summary>
    Crashed = 6,

    /// <summary>Suspended by the guest's own power management.</summary>
    Suspended = 7,
}
