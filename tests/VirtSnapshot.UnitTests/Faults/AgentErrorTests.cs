using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;
using Xunit;

namespace VirtSnapshot.UnitTests.Faults;

/// <summary>libvirt 11.2 has error codes of its own for a guest agent's time-outs and refusals.</summary>
public sealed class AgentErrorTests
{
    [Theory]
    [InlineData(86, true)]
    [InlineData(112, true)]
    [InlineData(97, true)]
    [InlineData(68, true)]
    [InlineData(1, false)]
    [InlineData(113, false)]
    public void An_agent_that_did_not_answer_is_told_from_one_that_refused(int code, bool isUnanswered) =>
        Assert.Equal(isUnanswered, new LibvirtException((LibvirtErrorCode)code, "x").IsUnanswered);

    [Theory]
    [InlineData(86)]
    [InlineData(112)]
    public void An_agent_s_silence_is_one_error_with_every_libvirt(int code)
    {
        var error = LibvirtFailure.Explain(new LibvirtException((LibvirtErrorCode)code, "x"), null, "asking", "Wait.");
        Assert.Equal((FailureKind.ResourceUnavailable, "GuestAgentUnavailable"), (error.Kind, error.ErrorId));
    }
}
