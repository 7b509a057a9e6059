using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Brings a shut-off domain's disks back to what a snapshot holds.</summary>
[Cmdlet(VerbsData.Restore, "DiskSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(DiskSnapshot))]
public sealed class RestoreDiskSnapshotCommand : SnapshotChoiceCmdlet
{
    /// <summary>Write the restored snapshots as they are now.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Bring back the UEFI variables and the TPM's state as well.</summary>
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
            // After the lock is gone: what comes next in the pipeline may need it.
            WriteObject(restored, enumerateCollection: true);
        }
    }
}
