using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.PowerShell;

/// <summary>A command that changes which method disks use.</summary>
public abstract class MethodChangeCmdlet : DiskCmdlet
{
    /// <summary>Write the settings that result.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private protected override bool TakesAllDomains => false;

    /// <summary>What is done, for people.</summary>
    private protected abstract string Action { get; }

    private protected override void Process(ChosenDomain chosen)
    {
        IReadOnlyList<DiskSelector> confirmed =
            [.. chosen.MatchDisks().Where(disk => ShouldProcess(disk.ToString(), Action)).Select(disk => DiskSelector.Parse(disk.Target))];
        if (confirmed.Count == 0)
        {
            return;
        }

        var settings = Change(chosen.Domain, confirmed);
        if (PassThru)
        {
            WriteObject(settings, enumerateCollection: true);
        }
    }

    private protected abstract IReadOnlyList<DiskMethodSetting> Change(VmDomain domain, IReadOnlyList<DiskSelector> disks);
}
