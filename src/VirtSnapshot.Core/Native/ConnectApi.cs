using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary><c>virConnect*</c>: https://libvirt.org/html/libvirt-libvirt-host.html</summary>
internal static unsafe partial class ConnectApi
{
    private const uint PoolsActive = 2;

    public static ConnectHandle Open(string? uri) =>
        ErrorApi.Check(OpenAuth(uri, DefaultAuth(), 0), nameof(OpenAuth));

    public static string Uri(ConnectHandle connection) => ErrorApi.Check(GetUri(connection), nameof(GetUri));

    public static string Hostname(ConnectHandle connection) => ErrorApi.Check(GetHostname(connection), nameof(GetHostname));

    /// <summary>The version of the libvirt daemon that drives the hypervisor, local or remote.</summary>
    public static Version LibraryVersion(ConnectHandle connection)
    {
        ErrorApi.Check(GetLibVersion(connection, out var version), nameof(GetLibVersion));
        var number = (int)version;
        return new Version(number / 1_000_000, number / 1_000 % 1_000, number % 1_000);
    }

    /// <summary>Read from the client's own state, without a round trip.</summary>
    public static bool IsAlive(ConnectHandle connection) => IsAliveNative(connection) == 1;

    /// <summary>Enables keepalive messages, so that the client detects a dead peer. In-process drivers reject the call, which is ignored.</summary>
    public static void KeepAlive(ConnectHandle connection, int seconds, uint count) =>
        _ = SetKeepAlive(connection, seconds, count);

    public static DomainHandle[] ListDomains(ConnectHandle connection, uint flags)
    {
        var count = ListAllDomains(connection, out var domains, flags);
        ErrorApi.Check(count, nameof(ListAllDomains));
        try
        {
            var handles = new DomainHandle[count];
            for (var i = 0; i < count; i++)
            {
                handles[i] = new DomainHandle(domains[i]);
            }

            return handles;
        }
        finally
        {
            NativeText.Free((nint)domains);
        }
    }

    /// <summary>The storage pools that are running.</summary>
    public static PoolHandle[] ListPools(ConnectHandle connection)
    {
        var count = ListAllPools(connection, out var pools, PoolsActive);
        ErrorApi.Check(count, nameof(ListAllPools));
        try
        {
            var handles = new PoolHandle[count];
            for (var i = 0; i < count; i++)
            {
                handles[i] = new PoolHandle(pools[i]);
            }

            return handles;
        }
        finally
        {
            NativeText.Free((nint)pools);
        }
    }

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectClose")]
    internal static partial int Close(nint connection);

    /// <summary>libvirt's default callback: it prompts on the terminal if a transport needs a password, and reads the user's auth.conf.</summary>
    private static nint DefaultAuth()
    {
        var library = NativeLibrary.Load(Library.Libvirt, typeof(ConnectApi).Assembly, null);
        return Marshal.ReadIntPtr(NativeLibrary.GetExport(library, "virConnectAuthPtrDefault"));
    }

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectOpenAuth", StringMarshalling = StringMarshalling.Utf8)]
    private static partial ConnectHandle OpenAuth(string? uri, nint auth, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectGetURI")]
    private static partial nint GetUri(ConnectHandle connection);

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectGetHostname")]
    private static partial nint GetHostname(ConnectHandle connection);

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectGetLibVersion")]
    private static partial int GetLibVersion(ConnectHandle connection, out nuint version);

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectIsAlive")]
    private static partial int IsAliveNative(ConnectHandle connection);

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectSetKeepAlive")]
    private static partial int SetKeepAlive(ConnectHandle connection, int interval, uint count);

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectListAllDomains")]
    private static partial int ListAllDomains(ConnectHandle connection, out nint* domains, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectListAllStoragePools")]
    private static partial int ListAllPools(ConnectHandle connection, out nint* pools, uint flags);
}

/// <summary>Owns one reference to a <c>virConnectPtr</c>.</summary>
internal sealed class ConnectHandle() : LibvirtHandle(0)
{
    protected override bool ReleaseHandle() => ConnectApi.Close(handle) >= 0;
}
