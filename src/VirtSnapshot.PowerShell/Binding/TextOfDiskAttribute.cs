using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// Where a disk's target is wanted and a disk is given, or something of one. Of any other object it makes null, for the command to refuse:
/// the object from the pipeline whose property it is may be understood all the same.
/// </summary>
internal sealed class TextOfDiskAttribute() : TextOfObjectAttribute(nameof(VmDisk.Target), nameof(DiskSnapshot.Disk))
{
    private static readonly TextOfDiskAttribute Instance = new();

    public static string?[] TextsOf(IEnumerable<object?> given) => [.. given.Select(one => Instance.Convert(one) as string)];

    private protected override string? OfUnknown(string typeName) => null;
}
