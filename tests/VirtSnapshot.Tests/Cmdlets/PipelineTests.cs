using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Cmdlets;

/// <summary>What an administrator types, in a real engine, against a real guest with an agent and a real QEMU beside it.</summary>
public sealed class PipelineTests : IDisposable
{
    private readonly LabFixture lab;
    private readonly TestGuest guest;
    private readonly BareDomain bare;
    private readonly PowerShellEngine engine = new();

    public PipelineTests(LabFixture lab)
    {
        this.lab = lab;
        guest = lab.Guest("cmdlets1");
        bare = new BareDomain(lab, "cmdlets2");
    }

    public void Dispose()
    {
        Lab.Engine.TryRemove(guest.Domain, SnapshotList.Of(guest.Domain), cancellation: TestContext.Current.CancellationToken);
        engine.Dispose();
        bare.Dispose();
    }

    [Fact]
    public void Piped_domains_are_one_quiesced_set_each_and_go_on_where_one_fails()
    {
        var all = engine.Run("Get-VmDomain cmdlets* -Uri $args[0] | New-DiskSnapshot -QuiesceRequired", lab.Uri);
        Assert.Equal(["GuestAgentUnavailable"], all.ErrorIds);
        Assert.Equal("cmdlets2", Assert.IsType<VmDomain>(all.Errors[0].TargetObject).Name);
        Assert.Equal(ErrorCategory.ResourceUnavailable, all.Errors[0].CategoryInfo.Category);

        var snapshots = Objects<DiskSnapshot>(all);
        Assert.Equal(["vda", "vdb"], snapshots.Select(snapshot => snapshot.Disk));
        Assert.Single(snapshots.Select(snapshot => snapshot.Group).Distinct());
        Assert.All(snapshots, snapshot => Assert.Equal(Consistency.Quiesced, snapshot.Consistency));
        Assert.All(snapshots, snapshot => Assert.InRange(snapshot.FreezeWindow!.Value.TotalSeconds, 0.001, 30));
        Assert.Equal(guest.Image("vda"), snapshots[0].BackupSource.Path);
        Assert.Contains($"file=\"{guest.Image("vda")}\"", snapshots[0].BackupSource.Xml, StringComparison.Ordinal);
        Assert.Contains("<diskSnapshot method=\"qemu\"", snapshots[0].ModifiedDisk!.Xml, StringComparison.Ordinal);

        Assert.Empty(engine.Run("$args[0] | Remove-DiskSnapshot -Confirm:$false", snapshots).Errors);
        Assert.Equal(guest.Image("vda"), guest.Domain.FindDisk("vda")!.Source.Path);
        guest.WaitForMoreRecords();
    }

    [Fact]
    public void A_piped_disk_is_taken_alone_under_its_name_and_found_and_removed_by_it()
    {
        var taken = Objects<DiskSnapshot>(engine.Run("Get-VmDomain cmdlets1 -Uri $args[0] | Get-VmDisk vdb | New-DiskSnapshot -Name nightly", lab.Uri));
        Assert.Equal(("vdb", "nightly"), (Assert.Single(taken).Disk, taken[0].Name));
        Assert.Equal(SnapshotState.Available, Assert.Single(Objects<DiskSnapshot>(engine.Run("Get-DiskSnapshot cmdlets1 -Name night* -Uri $args[0]", lab.Uri))).State);
        Assert.Equal("vdb", Assert.Single(Objects<VmDisk>(engine.Run("$args[0] | Get-VmDisk", taken[0]))).Target);

        Assert.Empty(engine.Run("Remove-DiskSnapshot cmdlets1 -Name nightly -Uri $args[0] -Confirm:$false", lab.Uri).Errors);
        Assert.Empty(engine.Run("Get-DiskSnapshot cmdlets1 -Uri $args[0]", lab.Uri).Output);
        Assert.Equal(["SnapshotNotFound"], engine.Run("$args[0] | Remove-DiskSnapshot -Confirm:$false", taken[0]).ErrorIds);
    }

    [Theory]
    [InlineData("-Disk vda")]
    [InlineData("-Disk vd[a]")]
    [InlineData("-Disk $args[1].Source.Path")]
    [InlineData("-Disk $args[1].Xml")]
    [InlineData("-Method qemu")]
    [InlineData("-Method '<diskSnapshot method=\"qemu\"/>'")]
    public void A_disk_and_a_method_are_taken_in_each_form_of_the_RFC(string parameters)
    {
        var disk = bare.Domain.FindDisk("vda");
        var result = engine.Run($"New-DiskSnapshot cmdlets2 {parameters} -NoQuiesce -Uri $args[0]", lab.Uri, disk);
        Assert.Empty(result.Errors);
        Assert.Equal(Consistency.CrashConsistent, Assert.Single(Objects<DiskSnapshot>(result)).Consistency);
    }

    [Fact]
    public void WhatIf_shows_and_touches_nothing()
    {
        var before = bare.Domain.Xml;
        Assert.Empty(engine.Run("New-DiskSnapshot cmdlets2 -Uri $args[0] -WhatIf", lab.Uri).Output);
        Assert.Equal(before, bare.Domain.Xml);

        var taken = Objects<DiskSnapshot>(engine.Run("New-DiskSnapshot cmdlets2 -NoQuiesce -Uri $args[0]", lab.Uri));
        before = bare.Domain.Xml;
        Assert.Empty(engine.Run("$args[0] | Remove-DiskSnapshot -WhatIf", taken[0]).Errors);
        Assert.Equal(before, bare.Domain.Xml);
    }

    [Fact]
    public void Several_snapshots_of_a_disk_are_removed_by_one_pipeline()
    {
        engine.Run("1..3 | ForEach-Object { New-DiskSnapshot cmdlets2 -NoQuiesce -Uri $args[0] -Name \"s$_\" }".Replace("$args[0]", $"'{lab.Uri}'", StringComparison.Ordinal));
        Assert.Equal(3, SnapshotList.Of(bare.Domain).Count);
        Assert.Empty(engine.Run("Get-VmDomain cmdlets2 -Uri $args[0] | Get-DiskSnapshot | Remove-DiskSnapshot -Confirm:$false", lab.Uri).Errors);
        Assert.Empty(SnapshotList.Of(bare.Domain));
        Assert.Equal(bare.Image(), bare.Domain.FindDisk("vda")!.Source.Path);
    }

    [Fact]
    public void Methods_are_configured_shown_and_reset()
    {
        const string element = "<diskSnapshot method=\"qemu\"><x:own xmlns:x=\"urn:x\" a=\"1\">text</x:own></diskSnapshot>";
        Assert.Empty(engine.Run("Set-DiskSnapshotMethod cmdlets2 -Disk vda -Method $args[1] -Uri $args[0]", lab.Uri, element).Errors);
        var set = Assert.Single(Objects<DiskMethodSetting>(engine.Run("Get-VmDomain cmdlets2 -Uri $args[0] | Get-DiskSnapshotMethod", lab.Uri)));
        Assert.False(set.IsDefault);
        Assert.Contains("text</x:own>", set.Xml, StringComparison.Ordinal);
        Assert.Contains("text</x:own>", bare.Domain.FindDisk("vda")!.Xml, StringComparison.Ordinal);

        Assert.Empty(engine.Run("Reset-DiskSnapshotMethod cmdlets2 -Disk vda -Uri $args[0]", lab.Uri).Errors);
        Assert.True(Assert.Single(Objects<DiskMethodSetting>(engine.Run("Get-DiskSnapshotMethod cmdlets2 -Uri $args[0]", lab.Uri))).IsDefault);
    }

    [Fact]
    public void Stopped_in_the_middle_of_a_merge_the_domain_works_and_the_removal_can_be_repeated()
    {
        var taken = Objects<DiskSnapshot>(engine.Run("New-DiskSnapshot cmdlets2 -NoQuiesce -Uri $args[0]", lab.Uri));
        bare.Write(7, "0", "4M");
        engine.RunAndStop("$args[0] | Remove-DiskSnapshot -Bandwidth 512KB -Confirm:$false", TimeSpan.FromSeconds(1), taken[0]);

        Assert.Equal(SnapshotState.Removing, Assert.Single(SnapshotList.Of(bare.Domain)).State);
        Assert.NotEqual(bare.Image(), bare.Domain.FindDisk("vda")!.Source.Path);
        Assert.Empty(engine.Run("$args[0] | Remove-DiskSnapshot -Confirm:$false", taken[0]).Errors);
        Assert.Equal(bare.Image(), bare.Domain.FindDisk("vda")!.Source.Path);
        Assert.Empty(engine.Run("Repair-DiskSnapshot cmdlets2 -Uri $args[0]", lab.Uri).Output);
    }

    private static List<T> Objects<T>(EngineResult result) => [.. result.Output.Select(item => Assert.IsType<T>(item.BaseObject))];
}
