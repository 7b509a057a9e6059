using VirtSnapshot.PowerShell.Commands;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Shell;
using Xunit;

namespace VirtSnapshot.Tests.Cmdlets;

/// <summary>What only a terminal can show of the commands. What an administrator types otherwise is in tests/Pester.</summary>
public sealed class PipelineTests : IDisposable
{
    private readonly LabFixture lab;
    private readonly BareDomain bare;
    private readonly PowerShellEngine engine = new();

    public PipelineTests(LabFixture lab)
    {
        this.lab = lab;
        bare = new BareDomain(lab, "cmdlets2");
    }

    public void Dispose()
    {
        engine.Dispose();
        bare.Dispose();
    }

    [Fact]
    public void Ctrl_c_in_the_middle_of_a_merge_says_how_to_go_on()
    {
        Assert.Empty(engine.Run("New-DiskSnapshot cmdlets2 -NoQuiesce -Uri $args[0]", lab.Uri).Errors);
        bare.Write(7, "0", "4M");
        var script = Path.Combine(lab.Images, "cmdlets2-merge.ps1");
        File.WriteAllText(script, $"""
            Import-Module '{typeof(NewDiskSnapshotCommand).Assembly.Location}'
            Remove-DiskSnapshot cmdlets2 -Name * -Uri '{lab.Uri}' -Bandwidth 256KB -Confirm:$false
            [Console]::Out.WriteLine('went on')
            """);
        using (var shell = ShellProcess.StartOnTerminal("-File", script))
        {
            shell.ReadUntil("Merging cmdlets2/vda");
            shell.Type("\x03");
            var ended = shell.Finish();
            Assert.Equal(130, ended.ExitCode);
            Assert.Contains("WARNING: Merging disk 'vda' of domain 'cmdlets2' was stopped.", ended.Output, StringComparison.Ordinal);
            Assert.Contains("Go on with Remove-DiskSnapshot or Repair-DiskSnapshot.", ended.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("went on", ended.Output, StringComparison.Ordinal);
        }

        Assert.Empty(engine.Run("Remove-DiskSnapshot cmdlets2 -Name * -Uri $args[0] -Confirm:$false", lab.Uri).Errors);
        Assert.Equal(bare.Image(), bare.Domain.FindDisk("vda")!.Source.Path);
    }
}
