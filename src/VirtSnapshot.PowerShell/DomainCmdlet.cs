using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.PowerShell.Binding;

namespace VirtSnapshot.PowerShell;

/// <summary>
/// Base class of commands for domains or their disks, from the pipeline, by name, or as objects. <c>Get-VmDisk web1 vdb</c> and
/// <c>Get-VmDomain web1 | Get-VmDisk vdb</c> are equivalent: with domains from the pipeline, the first position is the disk.
/// </summary>
public abstract class DomainCmdlet : DomainInputCmdlet
{
    private bool hasDomainOfScript;

    /// <summary>Domains from the pipeline, or disks, snapshots or settings, which refer to their domain.</summary>
    [Parameter(ValueFromPipeline = true)]
    [DomainReferences]
    public DomainReference[]? InputObject { get; set; }

    /// <summary>The domains: names with wildcards, UUIDs, or objects.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [DomainReferences]
    public DomainReference[]? Domain { get; set; }

    /// <summary>The named disks, with the name of their parameter; null if the command has no such parameter.</summary>
    private protected virtual (string Parameter, string[]? Value)? NamedDisks => null;

    /// <summary>Whether the command applies to all domains if none is given.</summary>
    private protected virtual bool TakesAllDomains => true;

    private protected sealed override (string Parameter, DomainReference[]? Value) Whole => (nameof(InputObject), InputObject);

    private protected sealed override bool IsWholeObject => base.IsWholeObject && !hasDomainOfScript;

    private protected override IEnumerable<(string Parameter, string[]? Value)> Narrowing =>
        NamedDisks is { } disks ? [disks, .. base.Narrowing] : base.Narrowing;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        hasDomainOfScript = IsTyped(nameof(Domain)) && Domain is null;
        if (InputObject is null
            && !MyInvocation.ExpectingInput
            && Domain?.FirstOrDefault(reference => reference.Failure is not null) is { Failure: { } failure })
        {
            Require(() => throw failure);
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(InputObject, () =>
    {
        foreach (var part in Choose().GroupBy(choice => (choice.Disks, choice.Snapshot), choice => choice.Domain))
        {
            foreach (var domain in Search.Find(part.Contains(null) ? null : [.. part.OfType<DomainReference>()]))
            {
                Attempt(domain, () => Process(new ChosenDomain(domain, part.Key.Disks, part.Key.Snapshot)));
            }
        }
    });

    /// <summary>Called for each domain as soon as it is found.</summary>
    private protected abstract void Process(ChosenDomain chosen);

    private IEnumerable<Choice> Choose()
    {
        RefuseUnboundInput();
        var names = CountedDisks();
        IReadOnlyList<DiskSelector> disks = [.. (names ?? []).Select(DiskSelector.Parse)];
        if ((IsWholeObject ? InputObject : Domain) is not { } references)
        {
            yield return TakesAllDomains
                ? new Choice(null, disks, null)
                : throw Invalid("DomainNeeded", "No domain is given. Use -Domain, or pipe domains to the command.");
            yield break;
        }

        foreach (var reference in Understood(references))
        {
            if (reference.Disk is not { } own)
            {
                yield return new Choice(reference, disks, reference.Snapshot);
            }
            else if (names is null)
            {
                yield return new Choice(reference, [own], reference.Snapshot);
            }
            else
            {
                WriteFailure(Invalid("DiskGivenTwice", $"The disk '{own}' was given as an object, and disks were also given by name. Omit one of them."));
            }
        }
    }

    private string[]? CountedDisks()
    {
        if (IsWholeObject && IsTyped(nameof(Domain)))
        {
            // With domains from the pipeline, the first position is the disk.
            return NamedDisks is { } disks && !IsTyped(disks.Parameter)
                ? RefuseEmpty(disks.Parameter, TextOfDiskAttribute.TextsOf(Domain!.Select(reference => reference.Given)))
                : throw Invalid("DomainGivenTwice", "Domains were given by the pipeline and by -Domain. Omit one of them.");
        }

        return NamedDisks is var (parameter, value) ? Counted(parameter, value) : null;
    }

    /// <summary>The selection of one argument; the domain is null for all domains.</summary>
    private sealed record Choice(DomainReference? Domain, IReadOnlyList<DiskSelector> Disks, SnapshotReference? Snapshot);
}
