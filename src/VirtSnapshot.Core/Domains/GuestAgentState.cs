namespace VirtSnapshot.Domains;

/// <summary>What libvirt knows of the domain's guest agent.</summary>
public enum GuestAgentState
{
    /// <summary>The domain has no channel for one.</summary>
    None,

    /// <summary>There is a channel, and nobody in the guest has it open.</summary>
    Disconnected,

    /// <summary>Something in the guest has the channel open. Whether it answers is another matter.</summary>
    Connected,
}
