using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.PowerShell.Binding;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Snapshots disks: all that is given of one domain in one atomic set.</summary>
[Cmdlet(VerbsCommon.New, "DiskSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(DiskSnapshot))]
public sealed class NewDiskSnapshotCommand : DiskCmdlet
{
    private readonly DomainGathering<DiskSelector?> gathering = new();
    private DiskSnapshotMethod? method;
    private SnapshotName? name;
    private QuiesceOptions quiescing = new();
    private ShieldUse shield;

    /// <summary>The snapshots' name; the UTC time where it is left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>A method's name, or a <c>&lt;diskSnapshot&gt;</c> element.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [TextOfObject(nameof(DiskSnapshotMethod.Xml))]
    public string? Method { get; set; }

    /// <summary>Fail where the guest's file systems cannot be frozen.</summary>
    [Parameter]
    public SwitchParameter QuiesceRequired { get; set; }

    /// <summary>Leave the guest agent alone.</summary>
    [Parameter]
    public SwitchParameter NoQuiesce { get; set; }

    /// <summary>How long the guest may be frozen, and its agent may take to answer.</summary>
    [Parameter]
    [Seconds]
    public TimeSpan FreezeTimeout { get; set; } = new QuiesceOptions().FreezeTimeout;

    /// <summary>Freeze only these of the guest's mount points.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? MountPoint { get; set; }

    /// <summary>A folder of the hypervisor's host for new files.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? OverlayDirectory { get; set; }

    /// <summary>Let overlays take the guest's writes while the snapshots are made, whatever the method.</summary>
    [Parameter]
    public SwitchParameter Shield { get; set; }

    /// <summary>Let the guest wait, however long the method takes.</summary>
    [Parameter]
    public SwitchParameter NoShield { get; set; }

    private protected override bool TakesAllDomains => false;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        Require(() =>
        {
            method = Method is null ? null : DiskSnapshotMethod.Parse(Method);
            name = Name is null ? null : SnapshotName.Parse(Name);
            shield = ChooseShield();
            quiescing = new QuiesceOptions(ChooseQuiescence(), FreezeTimeout, MountPoint);
        });
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (var (domain, disks) in gathering.Domains)
        {
            Attempt(domain, () => Snapshot(new SnapshotRequest(
                domain, disks.Contains(null) ? null : [.. disks.OfType<DiskSelector>()], method, name, quiescing, shield, OverlayDirectory)));
        }
    }

    /// <summary>Null stands for the whole domain, which may come beside some of its disks.</summary>
    private protected override void Process(ChosenDomain chosen) =>
        gathering.Add(chosen.Domain, chosen.Disks.Count == 0 ? [null] : (IReadOnlyList<DiskSelector?>)chosen.Disks);

    private void Snapshot(SnapshotRequest request)
    {
        IReadOnlyList<DiskSnapshot> taken = [];
        using (var plan = Engine.PlanSnapshot(request, Reporter, Cancellation))
        {
            Reporter.ThrowHeld();
            var text = $"Snapshot '{plan.Name}' of domain '{plan.Domain}', one atomic set:\n  {string.Join("\n  ", plan.Disks)}";
            if (ShouldProcess(text, text, "New-DiskSnapshot"))
            {
                taken = plan.Run(Cancellation);
            }
        }

        // After the lock is gone: what comes next in the pipeline may need it.
        WriteObject(taken, enumerateCollection: true);
    }

    private Quiescence ChooseQuiescence() => (QuiesceRequired.IsPresent, NoQuiesce.IsPresent, MountPoint) switch
    {
        (true, true, _) => throw Conflict("-QuiesceRequired insists on a freeze and -NoQuiesce forbids it. Leave out one of both."),
        (_, true, not null) => throw Conflict("-MountPoint says what to freeze and -NoQuiesce forbids it. Leave out one of both."),
        (true, _, _) => Quiescence.Required,
        (_, true, _) => Quiescence.None,
        _ => Quiescence.WherePossible,
    };

    private ShieldUse ChooseShield() => (Shield.IsPresent, NoShield.IsPresent) switch
    {
        (true, true) => throw new VirtSnapshotException(
            FailureKind.InvalidArgument, "ShieldConflict", "New-DiskSnapshot", "-Shield asks for a shield and -NoShield forbids it. Leave out one of both."),
        (true, _) => ShieldUse.Always,
        (_, true) => ShieldUse.Never,
        _ => ShieldUse.WhereNeeded,
    };

    private static VirtSnapshotException Conflict(string message) => new(FailureKind.InvalidArgument, "QuiesceConflict", "New-DiskSnapshot", message);
}
