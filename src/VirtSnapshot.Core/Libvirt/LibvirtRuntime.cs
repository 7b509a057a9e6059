using VirtSnapshot.Native;

namespace VirtSnapshot.Libvirt;

/// <summary>What a process sets up once, before its first connection: error handler and event loop.</summary>
internal static class LibvirtRuntime
{
    private static readonly Lazy<bool> Started = new(Start, LazyThreadSafetyMode.ExecutionAndPublication);

    public static void EnsureStarted() => _ = Started.Value;

    private static bool Start()
    {
        ErrorApi.Silence();
        EventApi.RegisterLoop();

        // The loop runs for ever: keepalive and every event depend on it, whoever imports the module again.
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
                // A poll that failed says nothing about the next one; the pause keeps a lasting fault from spinning.
                Thread.Sleep(100);
            }
        }
    }
}
