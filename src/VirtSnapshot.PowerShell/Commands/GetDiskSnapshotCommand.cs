using System.Management.Automation;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Lists disks' snapshots.</summary>
[Cmdlet(VerbsCommon.Get, "DiskSnapshot")]
[OutputType(typeof(DiskSnapshot))]
public sealed class GetDiskSnapshotCommand : SnapshotCmdlet
{
    private readonly SnapshotListing listing = new();

    private protected override void Process(ChosenDomain chosen, SnapshotFilter filter)
    {
        var snapshots = ChosenSnapshots.Of(Engine, chosen, filter, listing, WriteFailure);
        foreach (var warning in listing.TakeWarnings())
        {
            WriteWarning(warning);
        }

        foreach (var snapshot in snapshots)
        {
            if (listing.FindWarning(snapshot) is { } warning)
            {
                WriteWarning(warning);
            }

            WriteObject(snapshot);
        }
    }
}
