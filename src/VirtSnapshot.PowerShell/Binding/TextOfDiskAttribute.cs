using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// Where disks' targets are wanted and a disk is given, or something of one. What is nothing, or another object, becomes an empty list (in a
/// list: null), for the command to refuse: null would be no parameter, and an exception would reject the object from the pipeline whose
/// property it is.
/// </summary>
internal sealed class TextOfDiskAttribute() : TextOfObjectAttribute(nameof(VmDisk.Target), nameof(DiskSnapshot.Disk))
{
    private static readonly TextOfDiskAttribute Instance = new();

    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) => Convert(inputData) ?? Array.Empty<string>();

    public static string?[] TextsOf(IEnumerable<object?> given) => [.. given.Select(one => Instance.Convert(one) as string)];

    private protected override string? OfUnknown(string typeName) => null;
}
