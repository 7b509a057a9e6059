namespace VirtSnapshot.Libvirt;

/// <summary><c>virDomainState</c></summary>
public enum DomainState
{
    /// <summary>The hypervisor does not say.</summary>
    NoState = 0,

    /// <summary>Running.</summary>
    Running = 1,

    /// <summary>Blocked on a resource; runs as far as we are concerned.</summary>
    Blocked = 2,

    /// <summary>The vCPUs stand still.</summary>
    Paused = 3,

    /// <summary>On its way down, still running.</summary>
    ShuttingDown = 4,

    /// <summary>Not running.</summary>
    ShutOff = 5,

    /// <summary>Not running any more.</summary>
    Crashed = 6,

    /// <summary>Suspended by the guest's own power management.</summary>
    Suspended = 7,
}
