using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>A command about snapshots that must be chosen: as objects, or by their names. They are gathered by domain.</summary>
public abstract class SnapshotChoiceCmdlet : DiskCmdlet
{
    private readonly DomainGathering<DiskSnapshot> gathering = new();
    private readonly SnapshotListing listing = new();
    private string[]? typedNames;
    private SnapshotNameFilter typedFilter = new(null);

    /// <summary>The snapshots' names, with wildcards.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    private protected override bool TakesAllDomains => false;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        typedNames = Name;
        Require(() => typedFilter = new SnapshotNameFilter(typedNames));
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (var missing in typedFilter.NotFound)
        {
            WriteFailure(missing);
        }

        foreach (var (domain, snapshots) in gathering.Domains.Where(gathered => gathered.Items.Count > 0))
        {
            Attempt(domain, () => Process(domain, snapshots));
        }
    }

    /// <summary>Called for each domain with all of its snapshots that were chosen.</summary>
    private protected abstract void Process(VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots);

    private protected override void Process(ChosenDomain chosen)
    {
        if (chosen.Snapshot is { } given)
        {
            // Also one that is there no more: the plan says so.
            typedFilter.IsUsed = true;
            gathering.Add(chosen.Domain, typedFilter.Matches(given.Name) ? [given] : []);
            return;
        }

        // An object in the pipeline may have a name of its own, which is not a snapshot's.
        var piped = InputObject is null && typedNames is null ? Name : null;
        if (typedNames is null && piped is null)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidArgument,
                "SnapshotNeeded",
                chosen.Domain,
                $"Say which snapshots of domain '{chosen.Domain}' are meant: pipe them from Get-DiskSnapshot, or name them with -Name ('*' for all).");
        }

        var filter = piped is null ? typedFilter : new SnapshotNameFilter(piped);
        gathering.Add(chosen.Domain, ChosenSnapshots.Of(chosen, filter, listing));
        if (piped is not null)
        {
            foreach (var missing in filter.NotFound)
            {
                WriteFailure(missing);
            }
        }
    }
}
