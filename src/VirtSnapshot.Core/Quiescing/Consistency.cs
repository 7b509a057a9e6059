namespace VirtSnapshot.Quiescing;

/// <summary>The consistency of a snapshot.</summary>
public enum Consistency
{
    /// <summary>The state after a power failure.</summary>
    CrashConsistent,

    /// <summary>The vCPUs were paused and the hypervisor's caches flushed: all disks are of one moment, without the guest's dirty pages.</summary>
    Paused,

    /// <summary>The guest agent froze the file systems, and the same number was thawed afterwards.</summary>
    Quiesced,

    /// <summary>The domain was shut off.</summary>
    Offline,
}
