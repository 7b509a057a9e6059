using VirtSnapshot.Domains;
using VirtSnapshot.Tests.Domains;
using Xunit;

namespace VirtSnapshot.UnitTests.Domains;

public class GuestStateTests
{
    private static readonly string Tpm = $"/var/lib/libvirt/swtpm/{TestDomain.Of("").Uuid:D}";

    [Theory]
    [InlineData("<nvram>/v/web1.fd</nvram>", "/v/web1.fd")]
    [InlineData("<nvram template='/t.fd' format='raw'>/v/web1.fd</nvram>", "/v/web1.fd")]
    [InlineData("<nvram type='file'><source file='/v/web1.fd'/></nvram>", "/v/web1.fd")]
    [InlineData("<nvram format='qcow2'>/v/web1.qcow2</nvram>", null)]
    [InlineData("<nvram type='network'><source protocol='nbd' name='x'/></nvram>", null)]
    [InlineData("<nvram template='/t.fd'/>", null)]
    public void UEFI_variables_are_in_the_file_that_the_definition_names(string nvram, string? path)
    {
        var found = Assert.Single(GuestState.Of(TestDomain.Of($"<os>{nvram}</os>")));
        Assert.Equal((GuestStatePart.Nvram, path), (found.Part, found.Path));
        Assert.Equal(path is null, found.WhyNoFile is not null);
    }

    [Theory]
    [InlineData("type='emulator' version='2.0'", "", "/tpm2/tpm2-00.permall")]
    [InlineData("type='emulator' version='1.2'", "", "/tpm1.2/tpm-00.permall")]
    [InlineData("type='emulator'", "<source type='dir' path='/s'/>", "/s/tpm2-00.permall")]
    [InlineData("type='emulator'", "<source type='file' path='/s/x'/>", null)]
    public void TPM_state_is_where_the_system_daemon_keeps_it(string backend, string content, string? path)
    {
        var found = Assert.Single(GuestState.Of(TestDomain.Of($"<devices><tpm model='tpm-crb'><backend {backend}>{content}</backend></tpm></devices>")));
        Assert.Equal((GuestStatePart.Tpm, path is null || path.StartsWith("/s", StringComparison.Ordinal) ? path : Tpm + path), (found.Part, found.Path));
    }

    [Fact]
    public void A_domain_without_either_has_none() => Assert.Empty(
        GuestState.Of(TestDomain.Of("<os/><devices><tpm><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm></devices>")));

    [Fact]
    public void Content_is_told_by_its_header()
    {
        // The first bytes of Debian's OVMF_VARS_4M.fd, and of what swtpm 0.7 writes for a new TPM, whose length is 1315.
        var variables = Convert.FromHexString("000000000000000000000000000000008d2bf1ff96768b4ca9852747075b4f500040080000000000" + "5f465648fffe0400");
        var state = new byte[1315];
        Convert.FromHexString("0201000a000000000523000100000513").CopyTo(state.AsSpan());
        Assert.Equal((true, false), (GuestState.IsContent(GuestStatePart.Nvram, variables), GuestState.IsContent(GuestStatePart.Tpm, variables)));
        Assert.Equal((false, true), (GuestState.IsContent(GuestStatePart.Nvram, state), GuestState.IsContent(GuestStatePart.Tpm, state)));
        Assert.False(GuestState.IsContent(GuestStatePart.Tpm, state.AsSpan(1)));
        Assert.False(GuestState.IsContent(GuestStatePart.Nvram, "root:x:0:0"u8));
        Assert.False(GuestState.IsContent(GuestStatePart.Tpm, []));
    }
}
