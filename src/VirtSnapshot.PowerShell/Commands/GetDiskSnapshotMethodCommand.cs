using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Shows the snapshot method of each disk, and the reason for it.</summary>
[Cmdlet(VerbsCommon.Get, "DiskSnapshotMethod")]
[OutputType(typeof(DiskMethodSetting), typeof(DiskMethodOption))]
public sealed class GetDiskSnapshotMethodCommand : HostDiskCmdlet
{
    /// <summary>Show all methods for each disk, with what they would do, or why they cannot.</summary>
    [Parameter]
    public SwitchParameter All { get; set; }

    private protected override IEnumerable<object> Query(IReadOnlyList<DomainDisks> disks) =>
        All ? Engine.Settings.GetOptions(disks) : Engine.Settings.Get(disks);
}
