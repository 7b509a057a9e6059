using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Lists domains.</summary>
[Cmdlet(VerbsCommon.Get, "VmDomain")]
[OutputType(typeof(VmDomain))]
public sealed class GetVmDomainCommand : VirtSnapshotCmdlet
{
    /// <summary>Names with wildcards, UUIDs, or objects that know their domain.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [Alias("Domain")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public DomainReference[]? Name { get; set; }

    /// <summary>Where libvirt is reached.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? Uri { get; set; }

    /// <summary>Only domains in one of these states.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public DomainState[]? State { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(Name, () =>
    {
        foreach (var domain in new DomainSearch(Uri ?? [DomainFinder.DefaultUri], WriteFailure, Cancellation).Find(Name ?? []))
        {
            if (State?.Contains(domain.State) ?? true)
            {
                WriteObject(domain);
            }
        }
    });
}
