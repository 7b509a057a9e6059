using System.Management.Automation;
using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Tells which method each disk's snapshots use, and why.</summary>
[Cmdlet(VerbsCommon.Get, "DiskSnapshotMethod")]
[OutputType(typeof(DiskMethodSetting))]
public sealed class GetDiskSnapshotMethodCommand : DiskCmdlet
{
    private protected override void Process(ChosenDomain chosen) =>
        WriteObject(MethodSettings.Get(chosen.Domain, chosen.Disks), enumerateCollection: true);
}
