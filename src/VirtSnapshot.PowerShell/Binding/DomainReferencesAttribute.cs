using System.Management.Automation;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// Converts any object to a <see cref="DomainReference"/>, and never fails: after a failure, PowerShell would still process the record if another
/// parameter binds to the object's properties, and the command would apply to all domains. A reference that cannot be resolved carries its error to
/// the command.
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
