using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.PowerShell.Binding;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Takes snapshots of disks: all given disks of a domain in one atomic set.</summary>
[Cmdlet(VerbsCommon.New, "DiskSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(DiskSnapshot))]
public sealed class NewDiskSnapshotCommand : DiskCmdlet
{
    private readonly DomainGathering<DiskSelector?> gathering = new();
    private DiskSnapshotMethod? method;
    private SnapshotName? name;
    private QuiesceOptions quiescing = new();
    private ShieldUse shield;

    /// <summary>The snapshots' name; by default the UTC time.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>A method's name, or a <c>&lt;diskSnapshot&gt;</c> element.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [TextOfObject(nameof(DiskSnapshotMethod.Xml))]
    public string? Method { get; set; }

    /// <summary>Fail if the guest's file systems cannot be frozen.</summary>
    [Parameter]
    public SwitchParameter QuiesceRequired { get; set; }

    /// <summary>Do not use the guest agent.</summary>
    [Parameter]
    public SwitchParameter NoQuiesce { get; set; }

    /// <summary>The maximum duration of the freeze, and the timeout of the guest agent.</summary>
    [Parameter]
    [Seconds]
    public TimeSpan FreezeTimeout { get; set; } = new QuiesceOptions().FreezeTimeout;

    /// <summary>The guest's mount points to freeze; by default all.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? MountPoint { get; set; }

    /// <summary>A folder on the hypervisor's host for new files.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? OverlayDirectory { get; set; }

    /// <summary>Use temporary overlays for all methods: they take the guest's writes while the snapshots are taken.</summary>
    [Parameter]
    public SwitchParameter Shield { get; set; }

    /// <summary>Use no temporary overlays: the guest stays frozen or paused until the snapshots are taken.</summary>
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

    /// <summary>Null is the whole domain, which may be given in addition to some of its disks.</summary>
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

        // After the lock is released: the next command of the pipeline may need it.
        WriteObject(taken, enumerateCollection: true);
    }

    private Quiescence ChooseQuiescence() => (QuiesceRequired.IsPresent, NoQuiesce.IsPresent, MountPoint) switch
    {
        (true, true, _) => throw Conflict("-QuiesceRequired and -NoQuiesce cannot be combined. Omit one of them."),
        (_, true, not null) => throw Conflict("-MountPoint and -NoQuiesce cannot be combined. Omit one of them."),
        (true, _, _) => Quiescence.Required,
        (_, true, _) => Quiescence.None,
        _ => Quiescence.WherePossible,
    };

    private ShieldUse ChooseShield() => (Shield.IsPresent, NoShield.IsPresent) switch
    {
        (true, true) => throw new VirtSnapshotException(
            FailureKind.InvalidArgument, "ShieldConflict", "New-DiskSnapshot", "-Shield and -NoShield cannot be combined. Omit one of them."),
        (true, _) => ShieldUse.Always,
        (_, true) => ShieldUse.Never,
        _ => ShieldUse.WhereNeeded,
    };

    private static VirtSnapshotException Conflict(string message) => new(FailureKind.InvalidArgument, "QuiesceConflict", "New-DiskSnapshot", message);
}
