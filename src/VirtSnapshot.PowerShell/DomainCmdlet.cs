using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.PowerShell.Binding;

namespace VirtSnapshot.PowerShell;

/// <summary>
/// A command about domains or their disks: from the pipeline, by name, or by an object. <c>Get-VmDisk web1 vdb</c> and
/// <c>Get-VmDomain web1 | Get-VmDisk vdb</c> mean the same: what comes from the pipeline need not be named, so the first position is free for disks.
/// </summary>
public abstract class DomainCmdlet : DomainInputCmdlet
{
    private bool hasDomainOfScript;

    /// <summary>Domains from the pipeline, or disks, snapshots or settings, which know their domain.</summary>
    [Parameter(ValueFromPipeline = true)]
    [DomainReferences]
    public DomainReference[]? InputObject { get; set; }

    /// <summary>The domains: names with wildcards, UUIDs, or objects.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [DomainReferences]
    public DomainReference[]? Domain { get; set; }

    /// <summary>The disks that were named, where the command takes any, with the name of their parameter.</summary>
    private protected virtual (string Parameter, string[]? Value)? NamedDisks => null;

    /// <summary>Whether the command is about all domains where none is named.</summary>
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
        if (InputObject is null && !MyInvocation.ExpectingInput && Domain?.FirstOrDefault(reference => reference.Failure is not null) is { Failure: { } failure })
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
                : throw Invalid("DomainNeeded", "Say which domain is meant: by -Domain, or from the pipeline.");
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
                WriteFailure(Invalid("DiskGivenTwice", $"The disk '{own}' was given as an object, and disks were named as well. Leave out one of both."));
            }
        }
    }

    private string[]? CountedDisks()
    {
        if (IsWholeObject && IsTyped(nameof(Domain)))
        {
            // Where domains come from the pipeline, the first position is free for disks.
            return NamedDisks is { } disks && !IsTyped(disks.Parameter)
                ? RefuseEmpty(disks.Parameter, TextOfDiskAttribute.TextsOf(Domain!.Select(reference => reference.Given)))
                : throw Invalid("DomainGivenTwice", "Domains come from the pipeline, and -Domain names some as well. Leave out one of both.");
        }

        return NamedDisks is var (parameter, value) ? Counted(parameter, value) : null;
    }

    /// <summary>What is meant by one argument; the domain is null for all of them.</summary>
    private sealed record Choice(DomainReference? Domain, IReadOnlyList<DiskSelector> Disks, SnapshotReference? Snapshot);
}
