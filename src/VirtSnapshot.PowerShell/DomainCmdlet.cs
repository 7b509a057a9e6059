using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>
/// A command about domains or their disks: from the pipeline, by name, or by an object. <c>Get-VmDisk web1 vdb</c> and
/// <c>Get-VmDomain web1 | Get-VmDisk vdb</c> mean the same: what comes from the pipeline need not be named, so the first position is free for disks.
/// </summary>
public abstract class DomainCmdlet : VirtSnapshotCmdlet
{
    private DomainReference[]? typedDomains;
    private string[]? typedDisks;

    /// <summary>Domains from the pipeline, or disks, snapshots or settings, which know their domain.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public DomainReference[]? InputObject { get; set; }

    /// <summary>The domains: names with wildcards, UUIDs, or objects.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public DomainReference[]? Domain { get; set; }

    /// <summary>Where libvirt is reached.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string[]? Uri { get; set; }

    /// <summary>The disks that were named, where the command takes any.</summary>
    private protected virtual string[]? DiskNames => null;

    /// <summary>Whether the command has a parameter for disks.</summary>
    private protected virtual bool TakesDisks => false;

    /// <summary>Whether the command is about all domains where none is named.</summary>
    private protected virtual bool TakesAllDomains => true;

    /// <inheritdoc/>
    protected override void BeginProcessing() => (typedDomains, typedDisks) = (Domain, DiskNames);

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(InputObject, () =>
    {
        var search = new DomainSearch(Uri ?? [DomainFinder.DefaultUri], WriteFailure, Cancellation);
        foreach (var part in Choose().GroupBy(choice => (choice.Disks, choice.Snapshot), choice => choice.Domain))
        {
            foreach (var domain in search.Find([.. part.OfType<DomainReference>()]))
            {
                Attempt(domain, () => Process(new ChosenDomain(domain, part.Key.Disks, part.Key.Snapshot)));
            }
        }
    });

    /// <summary>Called for each domain as soon as it is found.</summary>
    private protected abstract void Process(ChosenDomain chosen);

    private IEnumerable<Choice> Choose()
    {
        var references = InputObject ?? Domain;
        var names = InputObject is null ? DiskNames : TypedDisksBesidePipeline();
        IReadOnlyList<DiskSelector> disks = [.. (names ?? []).Select(DiskSelector.Parse)];
        if (references is null)
        {
            return TakesAllDomains
                ? [new Choice(null, disks, null)]
                : throw Invalid("DomainNeeded", "Say which domain is meant: by -Domain, or from the pipeline.");
        }

        return references.Select(reference => (reference.Disk, names) switch
        {
            (null, _) => new Choice(reference, disks, null),
            ({ } own, null) => new Choice(reference, [DiskSelector.ForListed(own)], reference.Snapshot),
            var (own, _) => throw Invalid("DiskGivenTwice", $"The disk '{own}' was given as an object, and disks were named as well. Leave out one of both."),
        });
    }

    /// <summary>What was typed, leaving aside what PowerShell has read from the piped object's properties.</summary>
    private string[]? TypedDisksBesidePipeline()
    {
        if (typedDomains is null)
        {
            return typedDisks;
        }

        return typedDisks is null && TakesDisks
            ? [.. typedDomains.Select(reference => reference.Disk ?? reference.Name)]
            : throw Invalid("DomainGivenTwice", "Domains come from the pipeline, and -Domain names some as well. Leave out one of both.");
    }

    private VirtSnapshotException Invalid(string errorId, string message) =>
        new(FailureKind.InvalidArgument, errorId, MyInvocation.MyCommand.Name, message);

    /// <summary>What is meant by one argument.</summary>
    private sealed record Choice(DomainReference? Domain, IReadOnlyList<DiskSelector> Disks, DiskSnapshot? Snapshot);
}
