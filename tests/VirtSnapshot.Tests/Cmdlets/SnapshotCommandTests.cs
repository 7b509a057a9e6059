using Xunit;

namespace VirtSnapshot.Tests.Cmdlets;

/// <summary>What can be seen of the commands without a real guest; the rest is in Pester and in the lab.</summary>
public sealed class SnapshotCommandTests : IDisposable
{
    private readonly TestNode node = new(TestNode.Domain("web1", "vda", "vdb"), TestNode.Domain("web2", "vda"));
    private readonly PowerShellEngine engine = new();

    public void Dispose()
    {
        engine.Dispose();
        node.Dispose();
    }

    [Theory]
    [InlineData("New-DiskSnapshot", "DomainNeeded")]
    [InlineData("Set-DiskSnapshotMethod -Method qemu", "DomainNeeded")]
    [InlineData("Reset-DiskSnapshotMethod", "DomainNeeded")]
    [InlineData("Remove-DiskSnapshot -Name x", "DomainNeeded")]
    [InlineData("Remove-DiskSnapshot web1 -Uri $uri", "SnapshotNeeded")]
    [InlineData("Get-VmDomain web1 -Uri $uri | Remove-DiskSnapshot", "SnapshotNeeded")]
    [InlineData("Remove-DiskSnapshot web1 -Name x -Uri $uri", "SnapshotNotFound")]
    [InlineData("Get-DiskSnapshot web1 -Name x -Uri $uri", "SnapshotNotFound")]
    [InlineData("Restore-DiskSnapshot -Name x", "DomainNeeded")]
    [InlineData("Restore-DiskSnapshot web1 -Uri $uri", "SnapshotNeeded")]
    [InlineData("Restore-DiskSnapshot web1 -Name x -Uri $uri", "SnapshotNotFound")]
    [InlineData("Set-DiskSnapshotMethod web1 -Method qemu -Uri $uri", "DiskNeeded")]
    [InlineData("Set-DiskSnapshotMethod web1 vda -Method 'No Name' -Uri $uri", "InvalidMethod")]
    [InlineData("Set-DiskSnapshotMethod web1 vda -Method nosuch -Uri $uri", "MethodUnknown")]
    [InlineData("Set-DiskSnapshotMethod web1 vda -Method qemu -Uri $uri", "MethodUnsuitable")]
    [InlineData("New-DiskSnapshot web1 -Uri $uri", "NoMethod")]
    [InlineData("New-DiskSnapshot web1 -Method qemu -Uri $uri", "MethodUnsuitable")]
    [InlineData("New-DiskSnapshot web1 -Disk '<disk' -Uri $uri", "InvalidXml")]
    [InlineData("New-DiskSnapshot web1 -Disk vdz -Uri $uri", "DiskNotFound")]
    [InlineData("New-DiskSnapshot web1 -Name ../x -Uri $uri", "InvalidSnapshotName")]
    [InlineData("New-DiskSnapshot web1 -QuiesceRequired -NoQuiesce -Uri $uri", "QuiesceConflict")]
    [InlineData("New-DiskSnapshot web1 -NoQuiesce -MountPoint / -Uri $uri", "QuiesceConflict")]
    [InlineData("Get-VmDisk web1 vda -Uri $uri | New-DiskSnapshot -Disk vdb", "DiskGivenTwice")]
    [InlineData("New-DiskSnapshot web1 -FreezeTimeout 0 -Uri $uri", "ParameterArgumentTransformationError")]
    [InlineData("New-DiskSnapshot web1 -FreezeTimeout (-1) -Uri $uri", "ParameterArgumentTransformationError")]
    [InlineData("New-DiskSnapshot web1 -FreezeTimeout 1e300 -Uri $uri", "ParameterArgumentTransformationError")]
    [InlineData("New-DiskSnapshot web1 -FreezeTimeout soon -Uri $uri", "ParameterArgumentTransformationError")]
    [InlineData("Remove-DiskSnapshot web1 -Name x -Bandwidth (-1) -Uri $uri", "ParameterArgumentValidationError")]
    public void What_cannot_be_done_is_one_error_with_its_id(string script, string expected)
    {
        var result = engine.Run("param($uri) " + script, node.Uri);

        Assert.Equal([expected], result.ErrorIds);
        Assert.Empty(result.Output);
    }

    [Theory]
    [InlineData("'45'", 45)]
    [InlineData("45", 45)]
    [InlineData("0.5", 0.5)]
    [InlineData("'00:01:30'", 90)]
    [InlineData("([timespan]::FromSeconds(7))", 7)]
    public void A_timeout_is_in_seconds_or_a_time_span(string given, double seconds)
    {
        var attribute = new PowerShell.Binding.SecondsAttribute();

        Assert.Equal(TimeSpan.FromSeconds(seconds), attribute.Transform(null!, engine.Run(given).Output[0]));
    }

    [Fact]
    public void A_domain_that_fails_does_not_keep_the_next_from_its_turn()
    {
        var result = engine.Run("param($uri) Get-VmDomain -Uri $uri | New-DiskSnapshot", node.Uri);

        Assert.Equal(["NoMethod", "NoMethod"], result.ErrorIds);
    }

    [Fact]
    public void An_empty_pipeline_does_nothing()
    {
        var result = engine.Run(
            "param($uri) Get-VmDomain z* -Uri $uri | New-DiskSnapshot; Get-DiskSnapshot z* -Uri $uri | Remove-DiskSnapshot; Get-VmDomain z* -Uri $uri | Repair-DiskSnapshot",
            node.Uri);

        Assert.Empty(result.Errors);
        Assert.Empty(result.Output);
    }

    [Fact]
    public void Disks_that_no_method_can_snapshot_are_listed_with_the_reason()
    {
        var result = engine.Run("param($uri) Get-VmDomain web1 -Uri $uri | Get-DiskSnapshotMethod | ForEach-Object { \"$($_.Disk)=$($_.Method)\"; $_.Reason }", node.Uri);

        Assert.Empty(result.Errors);
        Assert.Equal(["vda=", "vdb="], [result.Text[0], result.Text[2]]);
        Assert.Contains("type 'test'", result.Text[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Resetting_what_is_not_set_changes_nothing_and_says_nothing()
    {
        var result = engine.Run("param($uri) Reset-DiskSnapshotMethod web1 -Uri $uri", node.Uri);

        Assert.Empty(result.Errors);
        Assert.Empty(result.Output);
    }
}
