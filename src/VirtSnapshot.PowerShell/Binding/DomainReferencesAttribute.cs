using System.Management.Automation;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// Makes a <see cref="DomainReference"/> of whatever is given, and never fails: PowerShell would process a record all the same if another
/// parameter could be read from the object's properties, and the command would take it for one about all domains. What is not understood
/// carries its failure to the command.
/// </summary>
internal sealed class DomainReferencesAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        DomainReference[] references = LanguagePrimitives.GetEnumerable(inputData) is { } list ? [.. list.Cast<object?>().Select(Read)] : [Read(inputData)];
        return references.Length > 0 ? references : [DomainReference.OfNothing("An empty list")];
    }

    private static DomainReference Read(object? given) => ObjectProperties.Unwrap(given) as DomainReference ?? new DomainReference(given);
}
