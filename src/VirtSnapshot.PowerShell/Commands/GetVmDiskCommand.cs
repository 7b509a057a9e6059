using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.PowerShell.Binding;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Lists domains' disks.</summary>
[Cmdlet(VerbsCommon.Get, "VmDisk")]
[OutputType(typeof(VmDisk))]
public sealed class GetVmDiskCommand : DomainCmdlet
{
    /// <summary>Targets with wildcards, source paths, or <c>&lt;disk&gt;</c> elements.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [Alias("Disk")]
    [SupportsWildcards]
    [TextOfDisk]
    public string[]? Target { get; set; }

    private protected override (string Parameter, string[]? Value)? NamedDisks => (nameof(Target), Target);

    private protected override void Process(ChosenDomain chosen) => WriteObject(chosen.MatchDisks(WriteFailure), enumerateCollection: true);
}
