using VirtSnapshot.Domains;

namespace VirtSnapshot.Quiescing;

/// <summary>The guest cannot be frozen safely. Depending on <see cref="Quiescence"/>, this is an error or a warning.</summary>
internal sealed class QuiesceUnavailableException : Exception
{
    private readonly string errorId;
    private readonly string advice;

    private QuiesceUnavailableException(string errorId, string why, string advice, Exception? inner)
        : base(why, inner)
    {
        this.errorId = errorId;
        this.advice = advice;
    }

    public static QuiesceUnavailableException NotConnected(VmDomain domain) => AgentUnavailable(domain.GuestAgent == GuestAgentState.None
        ? "the domain has no channel for a guest agent (org.qemu.guest_agent.0)"
        : "the guest agent's channel is not connected: qemu-guest-agent is not running in the guest");

    public static QuiesceUnavailableException AgentUnavailable(string why, Exception? inner = null) => new(
        "GuestAgentUnavailable", why, "Start qemu-guest-agent in the guest, or omit -QuiesceRequired for a crash-consistent snapshot.", inner);

    public static QuiesceUnavailableException GuardUnusable(string why, Exception? inner = null) => new(
        "FreezeGuardUnavailable",
        $"the freeze guard, which thaws the guest if this process dies, cannot work: {why}",
        "It needs virsh (Debian: libvirt-clients) on the hypervisor's host, and access to the same URI without a password prompt.",
        inner);

    public static QuiesceUnavailableException NoConnection(VirtSnapshotException why) => new(
        "FreezeGuardUnavailable",
        $"the second connection to libvirt, which is needed for the thaw, cannot be opened: {why.Message}",
        "Correct this, and try again.",
        why);

    public VirtSnapshotException ToFailure(VmDomain domain) => new(
        FailureKind.ResourceUnavailable,
        errorId,
        domain,
        $"The guest of domain '{domain.Name}' cannot be frozen: {Message}. Nothing was touched. {advice}",
        this);
}
