using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// Converts disks, and objects that refer to one, to targets. Null and other objects become an empty list (in a list: null), which the command
/// rejects: null would count as an omitted parameter, and an exception would reject the pipeline object that has the property.
/// </summary>
internal sealed class TextOfDiskAttribute() : TextOfObjectAttribute(nameof(VmDisk.Target), nameof(DiskSnapshot.Disk))
{
    private static readonly TextOfDiskAttribute Instance = new();

    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) => Convert(inputData) ?? Array.Empty<string>();

    public static string?[] TextsOf(IEnumerable<object?> given) => [.. given.Select(one => Instance.Convert(one) as string)];

    private protected override string? OfUnknown(string typeName) => null;
}
