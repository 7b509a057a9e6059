using System.Management.Automation;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Finishes or undoes runs that died.</summary>
[Cmdlet(VerbsDiagnostic.Repair, "DiskSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(RepairResult))]
public sealed class RepairDiskSnapshotCommand : DomainCmdlet
{
    private protected override void Process(ChosenDomain chosen)
    {
        RepairResult? result = null;
        try
        {
            using var plan = RepairPlan.Make(chosen.Domain, Reporter, Cancellation);
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
