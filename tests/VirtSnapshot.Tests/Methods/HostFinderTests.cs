using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Tests.Domains;
using Xunit;

namespace VirtSnapshot.Tests.Methods;

public class HostFinderTests
{
    [Theory]
    [InlineData("qemu:///system", false)]
    [InlineData("qemu:///system?socket=/run/x", false)]
    [InlineData("qemu+unix:///session", false)]
    [InlineData("test:///default", false)]
    [InlineData("qemu+ssh://root@host/system", true)]
    [InlineData("qemu+ssh://localhost/system", true)]
    [InlineData("qemu+tls://[::1]:16514/system", true)]
    [InlineData("vpx://vcenter/dc/esx", true)]
    public void A_server_in_the_URI_means_elsewhere(string uri, bool hasServer) => Assert.Equal(hasServer, HostFinder.HasServer(uri));

    [Fact]
    public void This_machine_s_own_libvirt_is_local()
    {
        var connection = LibvirtConnection.Open("test:///default");
        Assert.True(HostFinder.IsLocal(connection), connection.Hostname);
        Assert.IsType<LocalHost>(HostFinder.For(connection, TestDomain.Of("")));
    }
}
