namespace VirtSnapshot.Quiescing;

/// <summary>What a snapshot can promise.</summary>
public enum Consistency
{
    /// <summary>Like pulling the plug.</summary>
    CrashConsistent,

    /// <summary>The vCPUs stood still and the hypervisor's caches were flushed: all disks of one moment, the guest's own dirty pages missing.</summary>
    Paused,

    /// <summary>The guest agent had frozen the file systems, and the same number was thawed afterwards.</summary>
    Quiesced,

    /// <summary>The domain was shut off.</summary>
    Offline,
}
