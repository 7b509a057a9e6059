using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.PowerShell;

/// <summary>Base class of commands that change the snapshot method of disks.</summary>
public abstract class MethodChangeCmdlet : DiskCmdlet
{
    /// <summary>Write the resulting settings.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private protected override bool TakesAllDomains => false;

    /// <summary>The action in confirmation prompts.</summary>
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
