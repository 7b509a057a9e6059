using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Tests.Domains;
using Xunit;

namespace VirtSnapshot.UnitTests.Domains;

public class VmDomainTests
{
    [Theory]
    [InlineData("", GuestAgentState.None)]
    [InlineData("<channel type='unix'><target type='virtio' name='org.other.0' state='connected'/></channel>", GuestAgentState.None)]
    [InlineData("<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>", GuestAgentState.Disconnected)]
    [InlineData("<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='disconnected'/></channel>", GuestAgentState.Disconnected)]
    [InlineData("<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>", GuestAgentState.Connected)]
    [InlineData("<channel type='pty'/><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>",
        GuestAgentState.Connected)]
    public void The_agent_is_what_its_channel_says(string channels, GuestAgentState state) =>
        Assert.Equal(state, TestDomain.Of($"<devices>{channels}</devices>").GuestAgent);

    [Fact]
    public void A_domain_without_devices_has_no_disks()
    {
        Assert.Empty(TestDomain.Of("").Disks);
        Assert.Equal(GuestAgentState.None, TestDomain.Of("").GuestAgent);
    }

    [Theory]
    [InlineData(DomainState.Running, false)]
    [InlineData(DomainState.Blocked, false)]
    [InlineData(DomainState.ShuttingDown, false)]
    [InlineData(DomainState.Paused, true)]
    [InlineData(DomainState.Suspended, true)]
    [InlineData(DomainState.Crashed, false)]
    public void The_definition_tells_whether_it_runs_and_the_state_whether_it_stands_still(DomainState state, bool isPaused)
    {
        var running = TestDomain.Of("", state, isActive: true);
        Assert.Equal((true, isPaused), (running.IsActive, running.IsPaused));

        var shutOff = TestDomain.Of("");
        Assert.Equal((false, false), (shutOff.IsActive, shutOff.IsPaused));
    }
}
