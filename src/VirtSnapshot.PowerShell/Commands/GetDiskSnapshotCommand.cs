using System.Management.Automation;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Lists disks' snapshots.</summary>
[Cmdlet(VerbsCommon.Get, "DiskSnapshot")]
[OutputType(typeof(DiskSnapshot))]
public sealed class GetDiskSnapshotCommand : SnapshotCmdlet
{
    private protected override void Process(ChosenDomain chosen, SnapshotFilter filter)
    {
        foreach (var snapshot in ChosenSnapshots.Of(chosen, filter))
        {
            if (SnapshotRoom.FindWarning(snapshot) is { } warning)
            {
                WriteWarning(warning);
            }

            WriteObject(snapshot);
        }
    }
}
