using VirtSnapshot.Domains;

namespace VirtSnapshot.Quiescing;

/// <summary>The guest cannot be frozen safely. Whether that is an error or only worth a warning, the caller's wish decides.</summary>
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
        : "nobody in the guest has the guest agent's channel open; is qemu-guest-agent running there?");

    public static QuiesceUnavailableException AgentUnavailable(string why, Exception? inner = null) => new(
        "GuestAgentUnavailable", why, "Start qemu-guest-agent in the guest, or leave out -QuiesceRequired for a crash-consistent snapshot.", inner);

    public static QuiesceUnavailableException GuardUnusable(string why, Exception? inner = null) => new(
        "FreezeGuardUnavailable",
        $"the guard that would thaw the guest if this process died cannot work: {why}",
        "It needs virsh (Debian: libvirt-clients) on the hypervisor's host, and must reach the same URI without being asked for a password.",
        inner);

    public static QuiesceUnavailableException NoConnection(VirtSnapshotException why) => new(
        "FreezeGuardUnavailable", $"there is no second connection to libvirt for the thaw: {why.Message}", "Mend that, and try again.", why);

    public VirtSnapshotException ToFailure(VmDomain domain) => new(
        FailureKind.ResourceUnavailable,
        errorId,
        domain,
        $"The guest of domain '{domain.Name}' cannot be frozen: {Message}. Nothing was touched. {advice}",
        this);
}
