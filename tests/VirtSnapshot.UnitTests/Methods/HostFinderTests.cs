using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Tests.Domains;
using Xunit;

namespace VirtSnapshot.UnitTests.Methods;

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

    [Theory]
    [InlineData("qemu+ssh://root@host2/system", "root", "host2", null, "qemu:///system", "ssh -l root -- host2")]
    [InlineData("qemu+ssh://Host_2:2222/system?socket=/run/a%20b&no_verify=1", null, "Host_2", 2222, "qemu:///system?socket=/run/a%20b",
        "ssh -p 2222 -o StrictHostKeyChecking=no -- Host_2")]
    [InlineData("qemu+ssh://a%40b@[::1]:22/session?keyfile=/k&command=/opt/ssh&mode=direct&netcat=x", "a@b", "::1", 22, "qemu:///session?mode=direct",
        "/opt/ssh -p 22 -l a@b -i /k -- ::1")]
    [InlineData("qemu+libssh://h/system?keyfile=/k&known_hosts=/a b&known_hosts_verify=auto&command=/evil", null, "h", null, "qemu:///system",
        "ssh -i /k -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=\"/a b\" -- h")]
    [InlineData("qemu+libssh2://h/system?no_verify=1&no_verify=0", null, "h", null, "qemu:///system", "ssh -- h")]
    [InlineData("qemu+ssh://h?name=test:///default;no_verify=0", null, "h", null, "test:///default", "ssh -- h")]
    [InlineData("qemu+ssh://-oProxyCommand=x/system", null, "-oProxyCommand=x", null, "qemu:///system", "ssh -- -oProxyCommand=x")]
    public void A_URI_over_ssh_says_where_to_go_and_how(string text, string? user, string server, int? port, string onItsHost, string command)
    {
        var uri = LibvirtUri.TryParse(text)!;
        Assert.True(uri.IsOverSsh && uri.HasServer);
        Assert.Equal((user, server, port, onItsHost), (uri.User, uri.Server, uri.Port, uri.OnItsHost));
        Assert.Equal(onItsHost.Contains("/session", StringComparison.Ordinal), uri.IsSession);
        var address = SshAddress.Of(uri);
        var common = SshAddress.Of(LibvirtUri.TryParse("qemu+ssh://x/")!).Arguments("/socket");
        Assert.Equal(command, string.Join(' ', [address.Program, .. address.Arguments("/socket").Skip(common.Count - 2)]));
        Assert.Contains("BatchMode=yes", address.Arguments(null));
        Assert.IsType<SshHost>(HostFinder.ForRemote("alias", text, "host2", TestDomain.Of("")));
    }

    [Theory]
    [InlineData("qemu+tls://host2/system", "'tls'")]
    [InlineData("qemu://host2/system", "'tls'")]
    [InlineData("qemu+tcp://host2/system", "'tcp'")]
    [InlineData("qemu:///system?socket=/tmp/forwarded", "forwarded")]
    public void Where_no_shell_is_the_error_says_why(string uri, string words)
    {
        var host = HostFinder.ForRemote(uri, uri, "host2", TestDomain.Of(""));
        Assert.Equal(("host2", uri), (host.Name, host.HypervisorUri));
        var error = Assert.Throws<VirtSnapshotException>(() => host.Stat("/etc/passwd"));
        Assert.Equal("RemoteHostNotSupported", error.ErrorId);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.Contains("host2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void This_machine_s_own_libvirt_is_local()
    {
        var connection = LibvirtConnection.Open("test:///default");
        Assert.True(HostFinder.IsLocal(connection), connection.Hostname);
        Assert.IsType<LocalHost>(HostFinder.For(connection, TestDomain.Of("")));
    }
}
