using System.Management.Automation;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// An empty list instead of null, so that a parameter that was given nothing (<c>-Name $missing</c>) differs from one that was not given.
/// Without it, the former would widen what the command is about. PowerShell's own checks do not fit: they would also reject an object from
/// the pipeline for a property that the command does not use.
/// </summary>
internal sealed class EmptyForNullAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) => inputData ?? Array.Empty<string>();
}
