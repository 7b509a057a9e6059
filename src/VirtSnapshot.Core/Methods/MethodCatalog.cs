using VirtSnapshot.Methods.Qemu;

namespace VirtSnapshot.Methods;

/// <summary>The methods that this module brings.</summary>
internal static class MethodCatalog
{
    public static MethodSelector Selector { get; } = new([new QemuProvider()]);
}
