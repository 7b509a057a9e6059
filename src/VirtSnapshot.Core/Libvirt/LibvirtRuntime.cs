using VirtSnapshot.Native;

namespace VirtSnapshot.Libvirt;

/// <summary>The setup of a process before its first connection: error handler and event loop.</summary>
internal static class LibvirtRuntime
{
    private static readonly Lazy<bool> Started = new(Start, LazyThreadSafetyMode.ExecutionAndPublication);

    public static void EnsureStarted() => _ = Started.Value;

    private static bool Start()
    {
        ErrorApi.Silence();
        EventApi.RegisterLoop();

        // The loop never ends: keepalive and events depend on it, also after the module is imported again.
        new Thread(Loop) { IsBackground = true, Name = "libvirt events" }.Start();
        return true;
    }

    private static void Loop()
    {
        while (true)
        {
            try
            {
                EventApi.RunOnce();
            }
            catch (LibvirtException)
            {
                // The next poll may succeed. The sleep avoids a busy loop if it does not.
                Thread.Sleep(100);
            }
        }
    }
}
