using System.Management.Automation;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// Converts null to an empty list, so that a parameter with a null value (<c>-Name $missing</c>) differs from an omitted one. Otherwise a null
/// value would select more objects than intended. PowerShell's own checks are not suitable: they would also reject a pipeline object for a property
/// that the command does not use.
/// </summary>
internal sealed class EmptyForNullAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) => inputData ?? Array.Empty<string>();
}
