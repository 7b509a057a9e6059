using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Resets disks to their default snapshot method.</summary>
[Cmdlet(VerbsCommon.Reset, "DiskSnapshotMethod", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(DiskMethodSetting))]
public sealed class ResetDiskSnapshotMethodCommand : MethodChangeCmdlet
{
    private protected override string Action => "Reset-DiskSnapshotMethod";

    private protected override IReadOnlyList<DiskMethodSetting> Change(VmDomain domain, IReadOnlyList<DiskSelector> disks) =>
        Engine.Settings.Reset(domain, disks);
}
