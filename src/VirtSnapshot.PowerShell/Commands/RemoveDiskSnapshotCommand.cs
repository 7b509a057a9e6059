using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.PowerShell.Binding;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Removes snapshots: the domain no longer needs them, and their files are gone.</summary>
[Cmdlet(VerbsCommon.Remove, "DiskSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
public sealed class RemoveDiskSnapshotCommand : DiskCmdlet
{
    private readonly DomainGathering<DiskSnapshot> gathering = new();
    private string[]? typedNames;
    private SnapshotNameFilter typedFilter = new(null);

    /// <summary>The snapshots' names, with wildcards.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    /// <summary>At most this many bytes per second and disk.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long Bandwidth { get; set; }

    /// <summary>When to give up.</summary>
    [Parameter]
    [Seconds]
    public TimeSpan? Timeout { get; set; }

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

        foreach (var (domain, snapshots) in gathering.Domains)
        {
            Attempt(domain, () =>
            {
                IReadOnlyList<DiskSnapshot> confirmed = [.. snapshots.Where(snapshot => ShouldProcess(snapshot.ToString(), "Remove-DiskSnapshot"))];
                if (confirmed.Count > 0)
                {
                    Remove(domain, confirmed);
                }
            });
        }
    }

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
                $"Say which snapshots of domain '{chosen.Domain}' are to go: pipe them from Get-DiskSnapshot, or name them with -Name ('*' for all).");
        }

        var filter = piped is null ? typedFilter : new SnapshotNameFilter(piped);
        gathering.Add(chosen.Domain, ChosenSnapshots.Of(chosen, filter));
        if (piped is not null)
        {
            foreach (var missing in filter.NotFound)
            {
                WriteFailure(missing);
            }
        }
    }

    private void Remove(VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots)
    {
        IReadOnlyList<RemovalResult> results;
        try
        {
            using var plan = RemovalPlan.Make(domain, snapshots, Reporter, Cancellation);
            Reporter.ThrowHeld();
            results = plan.Run(new RemovalOptions { Bandwidth = (ulong)Bandwidth, Timeout = Timeout }, Cancellation);
        }
        finally
        {
            Reporter.CompleteProgress();
        }

        foreach (var result in results)
        {
            if (result.Error is { } error)
            {
                WriteFailure(error);
            }
        }
    }
}
