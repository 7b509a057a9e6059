using System.Management.Automation;
using VirtSnapshot.Domains;
using Xunit;

namespace VirtSnapshot.Tests.Cmdlets;

/// <summary>
/// What the pipeline's objects mean where no snapshot is needed: each of a node's domains is in a second one, too, which is the default URI,
/// so a command that has lost its way is seen there.
/// </summary>
public sealed class PipelineInputTests : IDisposable
{
    private readonly TestNode node = new(Domain("web1", 1, "vda", "vdb"), Domain("web2", 2, "vda"), Domain("web*", 3, "vda"), Domain(Uuid(1), 4, "vda"));
    private readonly TestNode other = new(Domain("web1", 5, "vda", "vdb"), Domain("web2", 6, "vda"));
    private readonly PowerShellEngine engine = new();
    private readonly string? oldUri = Environment.GetEnvironmentVariable("LIBVIRT_DEFAULT_URI");

    public PipelineInputTests() => Environment.SetEnvironmentVariable("LIBVIRT_DEFAULT_URI", other.Uri);

    public static TheoryData<string> Commands => [.. PipedCommand.All.Select(command => command.Name)];

    /// <summary>Objects of which nothing can be understood, though one of their properties is a parameter of the commands.</summary>
    public static TheoryData<string> NotUnderstood =>
    [
        "[pscustomobject]@{ Uri = $uri }",
        "[pscustomobject]@{ Uri = $uri; Disk = 'vda' }",
        "[pscustomobject]@{ Uri = $uri; Target = 'vda'; Name = 'web1' }",
        "[pscustomobject]@{ Uri = $uri; Name = $null }",
        "[pscustomobject]@{ Uri = $uri; Name = '' }",
        "[pscustomobject]@{ Uri = $uri; Domain = ' '; Name = 'web1' }",
        "[pscustomobject]@{ Uri = $uri; Domain = 'web1'; Disk = '' }",
        "[pscustomobject]@{ Uri = $uri; Domain = 'web1'; Disk = $null }",
        "[pscustomobject]@{ Uri = $uri; Domain = 'web1'; Disk = ([datetime]::Now) }",
        "[pscustomobject]@{ Uri = $uri; Domain = 'web1'; Disk = 'vda'; Name = '' }",
        "[pscustomobject]@{ Uri = $uri; Domain = 'web1'; Disk = 'vda'; Id = $null }",
        "[pscustomobject]@{ Uri = $uri; DomainUuid = 'web1'; Disk = 'vda' }",
        "[pscustomobject]@{ Uri = ''; Domain = 'web1'; Disk = 'vda' }",
        "[pscustomobject]@{ Uri = $null; Name = 'web1' }",
        "[pscustomobject]@{ Uri = $uri; Uuid = 'no-uuid' }",
        "[pscustomobject]@{ Uri = $uri; Id = 5 }",
        "[pscustomobject]@{ Uri = $uri; Group = [guid]::NewGuid(); Name = 'web1' }",
        "[pscustomobject]@{ Uri = $uri; Group = @(1, 2); Name = 'web1' }",
        "@{ Uri = $uri }",
        "([datetime]::Now)",
        "$null",
        "''",
        "(, @())",
    ];

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("LIBVIRT_DEFAULT_URI", oldUri);
        engine.Dispose();
        node.Dispose();
        other.Dispose();
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Input_that_is_not_understood_is_an_error_and_never_means_all(string command)
    {
        foreach (var given in NotUnderstood.Select(row => row.Data))
        {
            var result = engine.Run($"param($uri) {given} | {PipedCommand.Find(command).ToScript("s1")}", node.Uri);

            Assert.True(result.ErrorIds is ["InputNotUnderstood"], $"{given}: {string.Join(", ", result.Errors)}");
            Assert.Equal(ErrorCategory.InvalidArgument, result.Errors[0].CategoryInfo.Category);
            Assert.Empty(result.Output);
            Assert.Empty(result.Said);
        }
    }

    [Fact]
    public void The_error_names_the_type_and_the_properties_and_what_is_accepted()
    {
        var error = Assert.Single(engine.Run("param($uri) [pscustomobject]@{ Uri = $uri; Owner = 'me' } | Get-VmDisk", node.Uri).Errors);

        Assert.Contains("'System.Management.Automation.PSCustomObject'", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("Its properties are: Uri, Owner.", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("with the property Name or Uuid of a domain, or Domain or DomainUuid with Disk or Target", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal("me", ((PSObject)error.TargetObject).Properties["Owner"].Value);
    }

    [Theory]
    [InlineData("@($domain, ([datetime]::Now), $null, $disk)")]
    [InlineData("(, @($domain, ([datetime]::Now), $null, $disk))")]
    public void What_is_understood_is_processed_beside_what_is_not(string given)
    {
        var result = engine.Run($"param($uri) $domain = Get-VmDomain web1 -Uri $uri; $disk = Get-VmDisk web2 vda -Uri $uri; {given} | Get-VmDisk", node.Uri);

        Assert.Equal(["InputNotUnderstood", "InputNotUnderstood"], result.ErrorIds);
        Assert.Equal(["web1/vda", "web1/vdb", "web2/vda"], result.Text);
        Assert.All(result.Output, disk => Assert.Equal(node.Uri, ((VmDisk)disk.BaseObject).Uri));
    }

    [Theory]
    [InlineData("[pscustomobject]@{ Name = 'web1'; Uri = $uri } | Get-VmDisk", "web1/vda web1/vdb")]
    [InlineData("[pscustomobject]@{ Uuid = (Get-VmDomain web2 -Uri $uri).Uuid; Uri = [uri] $uri } | Get-VmDisk", "web2/vda")]
    [InlineData("[pscustomobject]@{ Uuid = \"$((Get-VmDomain web2 -Uri $uri).Uuid)\"; Name = 'gone'; Uri = $uri } | Get-VmDisk", "web2/vda")]
    [InlineData("[pscustomobject]@{ Domain = 'web1'; Target = 'vdb'; Uri = $uri } | Get-VmDisk", "web1/vdb")]
    [InlineData("[pscustomobject]@{ Domain = 'web1'; Disk = '/images/web1-vdb.qcow2'; Uri = $uri } | Get-VmDisk", "web1/vdb")]
    [InlineData("[pscustomobject]@{ Domain = 'web1'; Disk = '*b'; Uri = $uri } | Get-VmDisk", "web1/vdb")]
    [InlineData("[pscustomobject]@{ Domain = 'web1'; Uri = $uri } | Get-VmDisk vdb", "web1/vdb")]
    [InlineData("[pscustomobject]@{ Domain = 'web1' } | Get-VmDisk vdb -Uri $uri", "web1/vdb")]
    [InlineData("[pscustomobject]@{ Domain = (Get-VmDomain web1 -Uri $uri); Disk = (Get-VmDisk web1 vdb -Uri $uri) } | Get-VmDisk", "web1/vdb")]
    [InlineData("[pscustomobject]@{ Name = 'web1'; Group = 'production'; Uri = $uri } | Get-VmDisk vda", "web1/vda")]
    [InlineData("[pscustomobject]@{ Host = 'web1'; Disk = 'vdb'; Uri = $uri } | Get-VmDisk -Domain { $_.Host }", "web1/vdb")]
    [InlineData("[pscustomobject]@{ Host = 'web1'; Uri = $uri } | Get-VmDisk -InputObject { $_.Host } -Uri { $_.Uri } -Target { 'vdb' }", "web1/vdb")]
    [InlineData("(Get-VmDomain web1 -Uri $uri).Uuid | Get-VmDisk vda -Uri $uri", "web1/vda")]
    [InlineData("Get-VmDomain web1 -Uri $uri | Get-VmDisk ([xml] \"<disk><target dev='vdb'/></disk>\")", "web1/vdb")]
    [InlineData("Get-VmDomain web1 -Uri $uri | Get-VmDisk (Get-VmDisk web2 -Uri $uri)", "web1/vda")]
    public void Objects_say_which_domain_and_disk_they_mean(string script, string expected)
    {
        var result = engine.Run("param($uri) " + script, node.Uri);

        Assert.Empty(result.Errors);
        Assert.Equal(expected, string.Join(' ', result.Text));
        Assert.All(result.Output, disk => Assert.Equal(node.Uri, ((VmDisk)disk.BaseObject).Uri));
    }

    [Fact]
    public void A_domain_that_is_named_like_a_pattern_or_like_anothers_uuid_is_that_one_only()
    {
        var domains = engine.Run("param($uri) Get-VmDomain -Uri $uri", node.Uri).Output.ToDictionary(domain => domain.ToString()!);

        Assert.Equal(["web*"], engine.Run("$args[0] | Get-VmDomain", RoundTrip.Select(domains["web*"], "Name", "Uri")).Text);
        Assert.Equal(["web1"], engine.Run("$args[0] | Get-VmDomain", RoundTrip.Select(domains["web1"], "Uuid", "Uri")).Text);
        Assert.Equal(["web1"], engine.Run("$args[0] | Get-VmDomain", domains["web1"]).Text);
    }

    [Theory]
    [InlineData("Get-VmDisk -Domain $null")]
    [InlineData("Get-VmDisk -Domain @()")]
    [InlineData("Get-VmDisk -Domain web1, $null")]
    [InlineData("Get-VmDisk (Get-VmDomain nothing*)")]
    [InlineData("Get-VmDisk ([datetime]::Now)")]
    [InlineData("Get-VmDisk -InputObject $null")]
    [InlineData("Get-VmDisk web1 $null")]
    [InlineData("Get-VmDisk web1 @()")]
    [InlineData("Get-VmDisk web1 vda, ''")]
    [InlineData("Get-VmDisk web1 ([datetime]::Now)")]
    [InlineData("Get-VmDisk web1 -Uri $null")]
    [InlineData("Get-VmDomain -Name $null")]
    [InlineData("Get-VmDomain -Uri @()")]
    [InlineData("Get-VmDomain web1 | Get-VmDisk $null")]
    [InlineData("Get-VmDomain web1 | Get-VmDisk ([datetime]::Now)")]
    [InlineData("Get-VmDomain web1 | Get-VmDisk -Target { $_.Nothing }")]
    [InlineData("Get-DiskSnapshot -Name $null")]
    [InlineData("Get-DiskSnapshot -Name @()")]
    [InlineData("Get-DiskSnapshot -Id ''")]
    [InlineData("Remove-DiskSnapshot web1 -Name $null -WhatIf")]
    [InlineData("Remove-DiskSnapshot web1 -Id @() -WhatIf")]
    [InlineData("Repair-DiskSnapshot $null")]
    [InlineData("New-DiskSnapshot web1 @() -WhatIf")]
    public void An_empty_argument_is_an_error_and_widens_nothing(string script)
    {
        var result = engine.Run(script);

        Assert.Equal(["InputNotUnderstood"], result.ErrorIds);
        Assert.Empty(result.Output);
        Assert.Empty(result.Said);
    }

    [Theory]
    [InlineData("[pscustomobject]@{ Uri = $uri } | Get-VmDisk -InputObject web1")]
    [InlineData("Get-VmDomain web1 -Uri $uri | Get-VmDomain web2")]
    public void A_whole_object_beside_the_pipeline_is_refused(string script) =>
        Assert.Equal(["DomainGivenTwice"], engine.Run("param($uri) " + script, node.Uri).ErrorIds);

    [Fact]
    public void Every_command_reads_the_same_properties_from_the_pipeline()
    {
        foreach (var command in PipedCommand.All)
        {
            var expected = command.Name == "Get-VmDomain" ? ["Name", "Uri"]
                : command.TakesSnapshots ? ["Disk", "Domain", "Id", "Name", "Uri"]
                : command.TakesDisks ? [command.Name == "Get-VmDisk" ? "Target" : "Disk", "Domain", "Uri"]
                : new[] { "Domain", "Uri" };

            Assert.Equal(expected.Order(), command.ByPropertyName.Order());
        }
    }

    private static string Uuid(int number) => $"00000000-0000-4000-8000-{number:D12}";

    private static string Domain(string name, int number, params string[] targets) =>
        TestNode.Domain(name, targets).Replace("</name>", $"</name><uuid>{Uuid(number)}</uuid>", StringComparison.Ordinal);
}
