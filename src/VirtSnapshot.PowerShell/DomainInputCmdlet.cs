using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.PowerShell.Binding;

namespace VirtSnapshot.PowerShell;

/// <summary>
/// Base class of commands for domains and their objects, given as arguments or by the pipeline. An object from the pipeline is read as a whole, or is
/// an error: PowerShell also binds its properties to parameters, but a command that used only these would apply to all domains if only the Uri binds.
/// They are used only if a script block selects the domain (<c>-Domain { $_.Host }</c>).
/// </summary>
public abstract class DomainInputCmdlet : VirtSnapshotCmdlet
{
    private HashSet<string> typed = [];

    /// <summary>The libvirt URIs.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [EmptyForNull]
    public string[]? Uri { get; set; }

    /// <summary>The parameters that restrict the selection, with their current values.</summary>
    private protected virtual IEnumerable<(string Parameter, string[]? Value)> Narrowing => [(nameof(Uri), Uri)];

    /// <summary>The parameter that binds whole objects from the pipeline, and its current value.</summary>
    private protected abstract (string Parameter, DomainReference[]? Value) Whole { get; }

    /// <summary>Whether the pipeline object itself is the selection.</summary>
    private protected virtual bool IsWholeObject => Whole.Value is not null;

    /// <summary>The search in the given URIs.</summary>
    private protected DomainSearch Search => new(Counted(nameof(Uri), Uri) ?? [DomainFinder.DefaultUri], WriteFailure, Cancellation);

    /// <inheritdoc/>
    protected override void BeginProcessing() => Require(() =>
    {
        typed = [.. MyInvocation.BoundParameters.Keys];
        foreach (var (parameter, value) in Narrowing)
        {
            RefuseEmpty(parameter, value);
        }

        if (Whole.Value is not null && MyInvocation.ExpectingInput)
        {
            throw Invalid("DomainGivenTwice", $"Domains were given by the pipeline and by -{Whole.Parameter}. Omit one of them.");
        }
    });

    /// <summary>Whether the parameter was given as an argument, not by a pipeline object. The value of a script block differs for each object.</summary>
    private protected bool IsTyped(string parameter) => typed.Contains(parameter);

    /// <summary>A parameter's value if it applies to the current pipeline object; else null.</summary>
    /// <exception cref="VirtSnapshotException"><c>InputNotUnderstood</c>: it is empty.</exception>
    private protected string[]? Counted(string parameter, string[]? value) => IsTyped(parameter) || !IsWholeObject ? RefuseEmpty(parameter, value) : null;

    /// <summary>Checks that a given parameter is not empty: that would select more than intended.</summary>
    private protected string[]? RefuseEmpty(string parameter, string?[]? value) => value is not null && (value.Length == 0 || value.Any(string.IsNullOrEmpty))
        ? throw Invalid("InputNotUnderstood", $"-{parameter} has an empty value, or an object of a wrong type. Omit it, or give it a valid value.")
        : value as string[];

    /// <summary>The valid references; each invalid one is reported as an error.</summary>
    private protected IEnumerable<DomainReference> Understood(IEnumerable<DomainReference> references)
    {
        foreach (var reference in references)
        {
            if (reference.Failure is { } failure)
            {
                WriteFailure(failure);
            }
            else
            {
                yield return reference;
            }
        }
    }

    /// <summary>A second check: if pipeline input is expected, an object that binds to no parameter must not select all domains.</summary>
    private protected void RefuseUnboundInput()
    {
        if (Whole.Value is null && MyInvocation.ExpectingInput)
        {
            throw DomainReference.OfNothing("Nothing").Failure!;
        }
    }

    private protected VirtSnapshotException Invalid(string errorId, string message) =>
        new(FailureKind.InvalidArgument, errorId, MyInvocation.MyCommand.Name, message);
}
