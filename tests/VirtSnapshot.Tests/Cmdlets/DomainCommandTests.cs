using VirtSnapshot.Domains;
using Xunit;

namespace VirtSnapshot.Tests.Cmdlets;

public sealed class DomainCommandTests : IDisposable
{
    private readonly TestNode node = new(TestNode.Domain("web1", "vda", "vdb"), TestNode.Domain("web2", "vda", "vdb"), TestNode.Domain("db", "vda"));
    private readonly PowerShellEngine engine = new();

    public void Dispose()
    {
        engine.Dispose();
        node.Dispose();
    }

    [Theory]
    [InlineData("web*", "web1 web2")]
    [InlineData("WEB?", "web1 web2")]
    [InlineData("web[13-9]", "web1")]
    [InlineData("*", "db web1 web2")]
    [InlineData("db,web1,web*", "db web1 web2")]
    [InlineData("nothing*", "")]
    public void Names_and_wildcards_find_each_domain_once(string names, string expected)
    {
        var result = engine.Run("param($uri, $names) Get-VmDomain $names.Split(',') -Uri $uri", node.Uri, names);

        Assert.Empty(result.Errors);
        Assert.Equal(expected, string.Join(' ', result.Text));
    }

    [Fact]
    public void Without_a_name_all_domains_come() =>
        Assert.Equal(["db", "web1", "web2"], engine.Run("param($uri) Get-VmDomain -Uri $uri", node.Uri).Text);

    [Fact]
    public void A_domain_is_found_by_its_uuid() =>
        Assert.Equal(["web1"], engine.Run("param($uri) Get-VmDomain (Get-VmDomain web1 -Uri $uri).Uuid -Uri $uri", node.Uri).Text);

    [Fact]
    public void A_name_that_is_not_there_is_an_error_and_the_others_come()
    {
        var result = engine.Run("param($uri) 'web1', 'nobody', 'db' | Get-VmDomain -Uri $uri", node.Uri);

        Assert.Equal(["web1", "db"], result.Text);
        Assert.Equal(["DomainNotFound"], result.ErrorIds);
        Assert.Equal(System.Management.Automation.ErrorCategory.ObjectNotFound, result.Errors[0].CategoryInfo.Category);
        Assert.Equal("nobody", result.Errors[0].TargetObject);
    }

    [Fact]
    public void ErrorAction_Stop_ends_the_pipeline_at_the_first_error()
    {
        var result = engine.Run("param($uri) 'nobody', 'db' | Get-VmDomain -Uri $uri -ErrorAction Stop", node.Uri);

        Assert.Empty(result.Output);
        Assert.Contains("DomainNotFound", result.ErrorIds);
    }

    [Fact]
    public void A_uri_that_fails_does_not_keep_the_others_from_being_searched()
    {
        var result = engine.Run("param($uri) Get-VmDomain web1, web2 -Uri 'qemu:///system?socket=/nowhere', $uri", node.Uri);

        Assert.Equal(["web1", "web2"], result.Text);
        Assert.Equal(["LibvirtUnreachable"], result.ErrorIds);
    }

    [Fact]
    public void A_name_needs_to_be_behind_one_of_several_uris_only()
    {
        var result = engine.Run("param($uri) Get-VmDomain web1, test -Uri test:///default, $uri", node.Uri);

        Assert.Empty(result.Errors);
        Assert.Equal(["web1", "test"], result.Text);
    }

    [Fact]
    public void Only_domains_in_a_state_come()
    {
        Assert.Equal(3, engine.Run("param($uri) Get-VmDomain -Uri $uri -State Running, Paused", node.Uri).Output.Count);
        Assert.Empty(engine.Run("param($uri) Get-VmDomain -Uri $uri -State ShutOff", node.Uri).Output);
    }

    [Theory]
    [InlineData("Get-VmDomain $null")]
    [InlineData("Get-VmDomain ''")]
    [InlineData("Get-VmDomain ' '")]
    [InlineData("Get-VmDomain -State nonsense")]
    [InlineData("Get-VmDomain -Uri ''")]
    [InlineData("$null | Get-VmDisk")]
    [InlineData("@{ a = 1 } | Get-VmDisk")]
    [InlineData("[datetime]::Now | Get-DiskSnapshot")]
    public void Wrong_input_is_an_error_and_nothing_else(string script)
    {
        var result = engine.Run(script);

        Assert.Single(result.Errors);
        Assert.Empty(result.Output);
    }

    [Theory]
    [InlineData("Get-VmDisk web1 -Uri $uri", "web1/vda web1/vdb")]
    [InlineData("Get-VmDisk web1 vdb -Uri $uri", "web1/vdb")]
    [InlineData("Get-VmDisk web* -Target *b -Uri $uri", "web1/vdb web2/vdb")]
    [InlineData("Get-VmDomain web* -Uri $uri | Get-VmDisk vdb", "web1/vdb web2/vdb")]
    [InlineData("Get-VmDomain web1 -Uri $uri | Get-VmDisk -Target vda", "web1/vda")]
    [InlineData("'web1', 'db' | Get-VmDisk vda -Uri $uri", "web1/vda db/vda")]
    [InlineData("Get-VmDisk (Get-VmDomain web1 -Uri $uri) vda", "web1/vda")]
    [InlineData("Get-VmDisk web1 /images/web1-vdb.qcow2 -Uri $uri", "web1/vdb")]
    [InlineData("Get-VmDisk web1 \"<disk><target dev='vdb'/></disk>\" -Uri $uri", "web1/vdb")]
    [InlineData("Get-VmDisk web1 ([xml] \"<disk><target dev='vdb'/></disk>\") -Uri $uri", "web1/vdb")]
    [InlineData("Get-VmDisk web1 (Get-VmDisk db -Uri $uri) -Uri $uri", "web1/vda")]
    [InlineData("Get-VmDisk web2 vdb -Uri $uri | Get-VmDisk", "web2/vdb")]
    [InlineData("[pscustomobject]@{ Domain = 'web2'; Disk = 'vda'; Uri = $uri } | Get-VmDisk", "web2/vda")]
    [InlineData("Get-DiskSnapshotMethod web1 vdb -Uri $uri | Get-VmDisk", "web1/vdb")]
    [InlineData("Get-VmDisk web1 z* -Uri $uri", "")]
    public void Disks_are_found_however_they_are_named(string script, string expected)
    {
        var result = engine.Run("param($uri) " + script, node.Uri);

        Assert.Empty(result.Errors);
        Assert.Equal(expected, string.Join(' ', result.Text));
        Assert.All(result.Output, item => Assert.IsType<VmDisk>(item.BaseObject));
    }

    [Fact]
    public void A_disk_that_is_not_there_is_an_error_for_each_domain()
    {
        var result = engine.Run("param($uri) Get-VmDomain -Uri $uri | Get-VmDisk vdb", node.Uri);

        Assert.Equal(["web1/vdb", "web2/vdb"], result.Text);
        Assert.Equal(["DiskNotFound"], result.ErrorIds);
    }

    [Fact]
    public void Naming_domains_beside_the_pipeline_is_refused()
    {
        Assert.Equal(["DomainGivenTwice"], engine.Run("param($uri) Get-VmDomain db -Uri $uri | Get-VmDisk web1 vda", node.Uri).ErrorIds);
        Assert.Equal(["DomainGivenTwice"], engine.Run("param($uri) Get-VmDomain db -Uri $uri | Repair-DiskSnapshot web1", node.Uri).ErrorIds);
    }
}
