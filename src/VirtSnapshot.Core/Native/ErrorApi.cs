using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary>libvirt keeps the last error per thread, so it is copied in the same synchronous call that failed.</summary>
internal static unsafe partial class ErrorApi
{
    // VIR_FROM_RPC: "client socket is closed", "received hangup event on socket" and similar errors, whose texts may be translated.
    private const int TransportDomain = 7;

    /// <summary>The error of the call that has just failed on this thread.</summary>
    public static LibvirtException LastError(string call)
    {
        var error = (NativeError*)GetLastError();
        return error == null
            ? new LibvirtException(LibvirtErrorCode.InternalError, $"{call} failed and libvirt reports no error.")
            : new LibvirtException(
                (LibvirtErrorCode)error->Code, Marshal.PtrToStringUTF8(error->Message) ?? call, error->Domain == TransportDomain);
    }

    public static void Check(int result, string call)
    {
        if (result < 0)
        {
            throw LastError(call);
        }
    }

    public static THandle Check<THandle>(THandle handle, string call)
        where THandle : SafeHandle
    {
        if (!handle.IsInvalid)
        {
            return handle;
        }

        var error = LastError(call);
        handle.Dispose();
        throw error;
    }

    public static string Check(nint text, string call) => NativeText.Take(text) ?? throw LastError(call);

    /// <summary>Installs an empty error handler. Without it, libvirt prints every error to stderr.</summary>
    public static void Silence() => SetErrorFunc(0, &Ignore);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Ignore(nint userData, nint error)
    {
    }

    [LibraryImport(Library.Libvirt, EntryPoint = "virGetLastError")]
    private static partial nint GetLastError();

    [LibraryImport(Library.Libvirt, EntryPoint = "virSetErrorFunc")]
    private static partial void SetErrorFunc(nint userData, delegate* unmanaged[Cdecl]<nint, nint, void> handler);

    /// <summary>The head of libvirt's <c>virError</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct NativeError
    {
        public int Code;
        public int Domain;
        public nint Message;
    }
}
