using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.PowerShell.Binding;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Lists domains.</summary>
[Cmdlet(VerbsCommon.Get, "VmDomain")]
[OutputType(typeof(VmDomain))]
public sealed class GetVmDomainCommand : DomainInputCmdlet
{
    /// <summary>Names with wildcards, UUIDs, or objects that refer to their domain.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Domain")]
    [SupportsWildcards]
    [DomainReferences]
    public DomainReference[]? Name { get; set; }

    /// <summary>Only domains in one of these states.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public DomainState[]? State { get; set; }

    private protected override (string Parameter, DomainReference[]? Value) Whole => (nameof(Name), Name);

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(Name, () =>
    {
        RefuseUnboundInput();
        foreach (var domain in Search.Find(Name is null ? null : [.. Understood(Name)]))
        {
            if (State?.Contains(domain.State) ?? true)
            {
                WriteObject(domain);
            }
        }
    });
}
