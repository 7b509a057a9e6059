using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Tells which method each disk's snapshots use, and why.</summary>
[Cmdlet(VerbsCommon.Get, "DiskSnapshotMethod")]
[OutputType(typeof(DiskMethodSetting), typeof(DiskMethodOption))]
public sealed class GetDiskSnapshotMethodCommand : HostDiskCmdlet
{
    /// <summary>Tell of every method what it could do for each disk, or why not.</summary>
    [Parameter]
    public SwitchParameter All { get; set; }

    private protected override IEnumerable<object> Look(IReadOnlyList<DomainDisks> disks) => All ? Engine.Settings.GetOptions(disks) : Engine.Settings.Get(disks);
}
