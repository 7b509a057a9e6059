using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary>Strings that libvirt hands out: some are ours to free, some stay its own.</summary>
internal static partial class NativeText
{
    /// <summary>Copies a string that libvirt allocated for the caller, and frees it.</summary>
    public static string? Take(nint text)
    {
        try
        {
            return Marshal.PtrToStringUTF8(text);
        }
        finally
        {
            Free(text);
        }
    }

    /// <summary>libvirt's memory comes from the C library's allocator, whatever the runtime uses for its own.</summary>
    [LibraryImport("libc", EntryPoint = "free")]
    public static partial void Free(nint memory);
}
