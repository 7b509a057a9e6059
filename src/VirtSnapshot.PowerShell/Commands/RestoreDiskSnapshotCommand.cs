using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Restores the disks of a shut-off domain from a snapshot.</summary>
[Cmdlet(VerbsData.Restore, "DiskSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(DiskSnapshot))]
public sealed class RestoreDiskSnapshotCommand : SnapshotChoiceCmdlet
{
    /// <summary>Write the restored snapshots.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Also restore the UEFI variables and the TPM state.</summary>
    [Parameter]
    public SwitchParameter IncludeFirmware { get; set; }

    private protected override void Process(VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots)
    {
        IReadOnlyList<DiskSnapshot> restored = [];
        using (var plan = Engine.PlanRestore(domain, snapshots, IncludeFirmware, Reporter, Cancellation))
        {
            Reporter.ThrowHeld();
            if (ShouldProcess(plan.Description, plan.Description, "Restore-DiskSnapshot"))
            {
                restored = plan.Run(Cancellation);
            }
        }

        if (PassThru)
        {
            // After the lock is released: the next command of the pipeline may need it.
            WriteObject(restored, enumerateCollection: true);
        }
    }
}
