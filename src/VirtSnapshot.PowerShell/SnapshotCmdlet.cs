using System.Management.Automation;
using VirtSnapshot.PowerShell.Binding;

namespace VirtSnapshot.PowerShell;

/// <summary>Base class of commands for snapshots: of domains or disks, as objects, or by name or id.</summary>
public abstract class SnapshotCmdlet : DiskCmdlet
{
    private string[]? typedNames;
    private string[]? typedIds;
    private SnapshotFilter typedFilter = new(null, null);

    /// <summary>The snapshots' names, with wildcards.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [EmptyForNull]
    public string[]? Name { get; set; }

    /// <summary>The snapshots' ids, with wildcards.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [EmptyForNull]
    public string[]? Id { get; set; }

    private protected sealed override IEnumerable<(string Parameter, string[]? Value)> Narrowing => [(nameof(Name), Name), (nameof(Id), Id), .. base.Narrowing];

    /// <inheritdoc/>
    protected sealed override void BeginProcessing()
    {
        base.BeginProcessing();
        (typedNames, typedIds) = (Name, Id);
        Require(() => typedFilter = new SnapshotFilter(typedNames, typedIds));
    }

    /// <inheritdoc/>
    protected override void EndProcessing() => WriteNotFound(typedFilter);

    /// <summary>Called for each domain with the filter for names and ids.</summary>
    private protected abstract void Process(ChosenDomain chosen, SnapshotFilter filter);

    private protected sealed override void Process(ChosenDomain chosen)
    {
        var (names, ids) = (Counted(nameof(Name), Name), Counted(nameof(Id), Id));
        if (names == typedNames && ids == typedIds)
        {
            Process(chosen, typedFilter);
            return;
        }

        // Script block parameters have another value for each object.
        var filter = new SnapshotFilter(names, ids);
        Process(chosen, filter);
        WriteNotFound(filter);
    }

    private void WriteNotFound(SnapshotFilter filter)
    {
        foreach (var missing in filter.NotFound)
        {
            WriteFailure(missing);
        }
    }
}
