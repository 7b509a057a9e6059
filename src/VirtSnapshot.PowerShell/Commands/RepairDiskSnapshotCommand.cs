using System.Management.Automation;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Finishes or undoes runs that died, and restores what a domain lost when it was redefined from an old XML.</summary>
[Cmdlet(VerbsDiagnostic.Repair, "DiskSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(RepairResult))]
public sealed class RepairDiskSnapshotCommand : DomainCmdlet
{
    /// <summary>What to do with overlays that contain a disk's newest data but are not used by the disk.</summary>
    [Parameter]
    public DetachedOverlay? DetachedOverlay { get; set; }

    private protected override void Process(ChosenDomain chosen)
    {
        RepairResult? result = null;
        try
        {
            using var plan = Engine.PlanRepair(chosen.Domain, DetachedOverlay, Reporter, Cancellation);
            Reporter.ThrowHeld();
            if (plan is not null && ShouldProcess(chosen.Domain.Name, plan.Description))
            {
                result = plan.Run(Cancellation);
            }
        }
        finally
        {
            Reporter.CompleteProgress();
        }

        if (result is not null)
        {
            WriteObject(result);
        }
    }
}
