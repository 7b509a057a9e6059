using System.Management.Automation;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Lists disks' snapshots.</summary>
[Cmdlet(VerbsCommon.Get, "DiskSnapshot")]
[OutputType(typeof(DiskSnapshot))]
public sealed class GetDiskSnapshotCommand : DiskCmdlet
{
    private readonly SnapshotListing listing = new();
    private SnapshotNameFilter names = new(null);

    /// <summary>The snapshots' names, with wildcards.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        Require(() => names = new SnapshotNameFilter(Name));
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (var missing in names.NotFound)
        {
            WriteFailure(missing);
        }
    }

    private protected override void Process(ChosenDomain chosen)
    {
        var snapshots = ChosenSnapshots.Of(chosen, names, listing);
        foreach (var warning in listing.TakeWarnings())
        {
            WriteWarning(warning);
        }

        foreach (var snapshot in snapshots)
        {
            if (listing.FindWarning(snapshot) is { } warning)
            {
                WriteWarning(warning);
            }

            WriteObject(snapshot);
        }
    }
}
