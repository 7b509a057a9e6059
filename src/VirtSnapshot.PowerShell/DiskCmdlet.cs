using System.Management.Automation;
using VirtSnapshot.PowerShell.Binding;

namespace VirtSnapshot.PowerShell;

/// <summary>Base class of commands for disks, or for the disks of domains.</summary>
public abstract class DiskCmdlet : DomainCmdlet
{
    /// <summary>The disks: targets with wildcards, source paths, or <c>&lt;disk&gt;</c> elements.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [Alias("Target")]
    [SupportsWildcards]
    [TextOfDisk]
    public string[]? Disk { get; set; }

    private protected sealed override (string Parameter, string[]? Value)? NamedDisks => (nameof(Disk), Disk);
}
