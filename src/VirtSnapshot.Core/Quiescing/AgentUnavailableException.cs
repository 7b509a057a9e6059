using VirtSnapshot.Domains;

namespace VirtSnapshot.Quiescing;

/// <summary>No agent answers. Whether that is an error or only worth a warning, the caller's wish decides.</summary>
internal sealed class AgentUnavailableException(string why, Exception? inner = null) : Exception(why, inner)
{
    public VirtSnapshotException ToFailure(VmDomain domain) => new(
        FailureKind.ResourceUnavailable,
        "GuestAgentUnavailable",
        domain,
        $"The guest agent of domain '{domain.Name}' cannot be asked to freeze: {Message}. Nothing was touched. "
        + "Start qemu-guest-agent in the guest, or leave out -QuiesceRequired for a crash-consistent snapshot.",
        this);

    public static AgentUnavailableException NotConnected(VmDomain domain) => new(domain.GuestAgent == GuestAgentState.None
        ? "the domain has no channel for one (org.qemu.guest_agent.0)"
        : "nobody in the guest has its channel open; is qemu-guest-agent running there?");
}
