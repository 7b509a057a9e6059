using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.PowerShell.Binding;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Configures the snapshot method of disks.</summary>
[Cmdlet(VerbsCommon.Set, "DiskSnapshotMethod", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(DiskMethodSetting))]
public sealed class SetDiskSnapshotMethodCommand : MethodChangeCmdlet
{
    private DiskSnapshotMethod? method;

    /// <summary>A method's name, or a <c>&lt;diskSnapshot&gt;</c> element.</summary>
    [Parameter(Mandatory = true)]
    [ValidateNotNullOrEmpty]
    [TextOfObject(nameof(DiskSnapshotMethod.Xml))]
    public string Method { get; set; } = "";

    private protected override string Action => $"Set-DiskSnapshotMethod {method}";

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        Require(() => method = DiskSnapshotMethod.Parse(Method));
    }

    private protected override void Process(ChosenDomain chosen)
    {
        if (chosen.Disks.Count == 0)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidArgument,
                "DiskNeeded",
                chosen.Domain,
                $"No disk of domain '{chosen.Domain}' is selected. Use -Disk ('*' for all), or pipe disks from Get-VmDisk.");
        }

        base.Process(chosen);
    }

    private protected override IReadOnlyList<DiskMethodSetting> Change(VmDomain domain, IReadOnlyList<DiskSelector> disks) =>
        Engine.Settings.Set(domain, disks, method!);
}
