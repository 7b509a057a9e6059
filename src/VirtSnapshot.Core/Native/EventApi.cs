using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary>
/// libvirt's event loop and the two events that are used. Callbacks run on the loop's thread and must not call
/// libvirt: they copy their arguments and pass them on.
/// </summary>
internal static unsafe partial class EventApi
{
    private const int Reboot = 1; // VIR_DOMAIN_EVENT_ID_REBOOT
    private const int BlockJob2 = 16; // VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2

    // libvirt gets a number, not an object: a callback that runs while its listener is removed finds no entry.
    private static readonly ConcurrentDictionary<nint, Delegate> Listeners = new();

    private static long lastListener;

    /// <summary>Once per process, and before any connection is opened.</summary>
    public static void RegisterLoop()
    {
        ErrorApi.Check(RegisterDefaultImpl(), nameof(RegisterDefaultImpl));

        // The default loop sleeps in poll(2) until an event arrives. The timer wakes it, so that it picks up handles that
        // other threads have added.
        ErrorApi.Check(AddTimeout(1000, &Tick, 0, 0), nameof(AddTimeout));
    }

    public static void RunOnce() => ErrorApi.Check(RunDefaultImpl(), nameof(RunDefaultImpl));

    /// <summary>Passes the domain's block job events to <paramref name="listener"/> until the returned action is called.</summary>
    public static Action ListenToBlockJobs(ConnectHandle connection, DomainHandle domain, Action<BlockJobEvent> listener) =>
        Listen(connection, domain, BlockJob2, (nint)(delegate* unmanaged[Cdecl]<nint, nint, nint, int, int, nint, void>)&OnBlockJob, listener);

    /// <summary>Calls <paramref name="listener"/> at each reset of the domain, whatever its cause, until the returned action is called.</summary>
    public static Action ListenToResets(ConnectHandle connection, DomainHandle domain, Action listener) =>
        Listen(connection, domain, Reboot, (nint)(delegate* unmanaged[Cdecl]<nint, nint, nint, void>)&OnReboot, listener);

    private static Action Listen(ConnectHandle connection, DomainHandle domain, int eventId, nint callback, Delegate listener)
    {
        var number = (nint)Interlocked.Increment(ref lastListener);
        Listeners[number] = listener;
        var id = RegisterAny(connection, domain, eventId, callback, number, 0);
        if (id < 0)
        {
            Listeners.TryRemove(number, out _);
            throw ErrorApi.LastError(nameof(RegisterAny));
        }

        // The connection may be closed before the listener is removed; this reference keeps its handle valid until then.
        var isHeld = false;
        connection.DangerousAddRef(ref isHeld);
        return () =>
        {
            Listeners.TryRemove(number, out _);
            _ = DeregisterAny(connection.DangerousGetHandle(), id);
            connection.DangerousRelease();
        };
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Tick(int timer, nint opaque)
    {
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnBlockJob(nint connection, nint domain, nint target, int type, int status, nint opaque)
    {
        if (Listeners.TryGetValue(opaque, out var listener))
        {
            ((Action<BlockJobEvent>)listener)(new BlockJobEvent(Marshal.PtrToStringUTF8(target) ?? "", (BlockJobStatus)status));
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnReboot(nint connection, nint domain, nint opaque)
    {
        if (Listeners.TryGetValue(opaque, out var listener))
        {
            ((Action)listener)();
        }
    }

    [LibraryImport(Library.Libvirt, EntryPoint = "virEventRegisterDefaultImpl")]
    private static partial int RegisterDefaultImpl();

    [LibraryImport(Library.Libvirt, EntryPoint = "virEventRunDefaultImpl")]
    private static partial int RunDefaultImpl();

    [LibraryImport(Library.Libvirt, EntryPoint = "virEventAddTimeout")]
    private static partial int AddTimeout(int milliseconds, delegate* unmanaged[Cdecl]<int, nint, void> callback, nint opaque, nint free);

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectDomainEventRegisterAny")]
    private static partial int RegisterAny(ConnectHandle connection, DomainHandle domain, int eventId, nint callback, nint opaque, nint free);

    [LibraryImport(Library.Libvirt, EntryPoint = "virConnectDomainEventDeregisterAny")]
    private static partial int DeregisterAny(nint connection, int id);
}
