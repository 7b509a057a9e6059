using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>A command about snapshots that must be chosen: as objects, or by their names or ids. They are gathered by domain.</summary>
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

    /// <summary>Called for each domain with all of its snapshots that were chosen.</summary>
    private protected abstract void Process(VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots);

    private protected override void Process(ChosenDomain chosen, SnapshotFilter filter)
    {
        if (chosen.Snapshot is { Live: { } given })
        {
            // Also one that is there no more: the plan says so.
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
                $"Say which snapshots of domain '{chosen.Domain}' are meant: pipe them from Get-DiskSnapshot, or name them with -Name ('*' for all) or -Id.");
        }

        gathering.Add(chosen.Domain, ChosenSnapshots.Of(Engine, chosen, filter, listing));
    }
}
