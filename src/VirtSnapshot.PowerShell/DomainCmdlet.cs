using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.PowerShell.Binding;

namespace VirtSnapshot.PowerShell;

/// <summary>A command about domains or their disks: by name, by parameter, or from the pipeline.</summary>
public abstract class DomainCmdlet : VirtSnapshotCmdlet
{
    private DomainReference[]? typedDomains;
    private string[]? typedDisks;

    /// <summary>Domains from the pipeline, or disks or snapshots of them.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public DomainReference[]? InputObject { get; set; }

    /// <summary>The domains: names with wildcards, UUIDs, or objects. The first position names disks where domains come from the pipeline.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public DomainReference[]? Domain { get; set; }

    /// <summary>Where libvirt is reached.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string[]? Uri { get; set; }

    /// <summary>The disks, where the command takes any.</summary>
    private protected virtual string[]? DiskNames => null;

    /// <summary>Whether the command is about all domains where none is named.</summary>
    private protected virtual bool TakesAllDomains => false;

    /// <inheritdoc/>
    protected override void BeginProcessing() => (typedDomains, typedDisks) = (Domain, DiskNames);

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(null, () =>
    {
        var search = new DomainSearch(Uri ?? [DomainFinder.DefaultUri], WriteFailure, Stopping);
        foreach (var part in ChooseDisks().GroupBy(choice => choice.Disks))
        {
            foreach (var domain in search.Find([.. part.Select(choice => choice.Reference).OfType<DomainReference>()]))
            {
                Attempt(domain, () => Process(new ChosenDomain(domain, part.Key)));
            }
        }
    });

    /// <summary>Called once for each domain, as soon as it is found.</summary>
    private protected abstract void Process(ChosenDomain chosen);
}
