using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary>Strings that libvirt returns and the caller must free.</summary>
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

    /// <summary>libvirt uses the C library's allocator, which need not be the one of the .NET runtime.</summary>
    [LibraryImport("libc", EntryPoint = "free")]
    public static partial void Free(nint memory);
}
