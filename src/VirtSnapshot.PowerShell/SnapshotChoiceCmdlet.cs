using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>Base class of commands that need a selection of snapshots: as objects, or by name or id. They are grouped by domain.</summary>
public abstract class SnapshotChoiceCmdlet : SnapshotCmdlet
{
    private readonly DomainGathering<DiskSnapshot> gathering = new();
    private readonly SnapshotListing listing = new();

    private protected override bool TakesAllDomains => false;

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        base.EndProcessing();
        foreach (var (domain, snapshots) in gathering.Domains.Where(gathered => gathered.Items.Count > 0))
        {
            Attempt(domain, () => Process(domain, snapshots));
        }
    }

    /// <summary>Called for each domain with all of its selected snapshots.</summary>
    private protected abstract void Process(VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots);

    private protected override void Process(ChosenDomain chosen, SnapshotFilter filter)
    {
        if (chosen.Snapshot is { Live: { } given })
        {
            // The snapshot may no longer exist; the plan reports that.
            filter.IsUsed = true;
            gathering.Add(chosen.Domain, filter.Matches(given) ? [given] : []);
            return;
        }

        if (chosen.Snapshot is null && filter.IsEmpty)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidArgument,
                "SnapshotNeeded",
                chosen.Domain,
                $"No snapshot of domain '{chosen.Domain}' is selected. Pipe snapshots from Get-DiskSnapshot, or select them with -Name ('*' for all) or -Id.");
        }

        gathering.Add(chosen.Domain, ChosenSnapshots.Of(Engine, chosen, filter, listing));
    }
}
