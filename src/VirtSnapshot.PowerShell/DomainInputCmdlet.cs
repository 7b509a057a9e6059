using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.PowerShell.Binding;

namespace VirtSnapshot.PowerShell;

/// <summary>
/// A command about domains or something of them, typed or from the pipeline. An object from the pipeline is understood as a whole, or is an
/// error: PowerShell reads its properties into parameters as well, but a command that went by those would be about all domains where only
/// the Uri was read. They count only where a script block says which domain is meant (<c>-Domain { $_.Host }</c>).
/// </summary>
public abstract class DomainInputCmdlet : VirtSnapshotCmdlet
{
    private HashSet<string> typed = [];

    /// <summary>Where libvirt is reached.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [EmptyForNull]
    public string[]? Uri { get; set; }

    /// <summary>The parameters that narrow down what the command is about, with their values now.</summary>
    private protected virtual IEnumerable<(string Parameter, string[]? Value)> Narrowing => [(nameof(Uri), Uri)];

    /// <summary>The parameter that takes whole objects from the pipeline, and its value now.</summary>
    private protected abstract (string Parameter, DomainReference[]? Value) Whole { get; }

    /// <summary>Whether the object from the pipeline itself says what is meant.</summary>
    private protected virtual bool IsWholeObject => Whole.Value is not null;

    /// <summary>The search of the URIs that count.</summary>
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
            throw Invalid("DomainGivenTwice", $"Domains come from the pipeline, and -{Whole.Parameter} names some as well. Leave out one of both.");
        }
    });

    /// <summary>Whether the user gave the parameter, and not an object in the pipeline. A script block's value is only known for each object.</summary>
    private protected bool IsTyped(string parameter) => typed.Contains(parameter);

    /// <summary>A parameter's value, if it is one that counts for the object in the pipeline.</summary>
    /// <exception cref="VirtSnapshotException"><c>InputNotUnderstood</c>: it is empty.</exception>
    private protected string[]? Counted(string parameter, string[]? value) => IsTyped(parameter) || !IsWholeObject ? RefuseEmpty(parameter, value) : null;

    /// <summary>What was given to a parameter, which must not be nothing: that would widen what the command is about.</summary>
    private protected string[]? RefuseEmpty(string parameter, string?[]? value) => value is not null && (value.Length == 0 || value.Any(string.IsNullOrEmpty))
        ? throw Invalid("InputNotUnderstood", $"-{parameter} is empty, or one of its values is, or is an object that does not fit there. Leave it "
            + "out, or give it a value.")
        : value as string[];

    /// <summary>What was understood of the references; what was not is told, each by itself.</summary>
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

    /// <summary>A second line of defence: where objects are expected, one that has bound nothing must not mean all.</summary>
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
