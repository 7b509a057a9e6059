using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Faults;

/// <summary>
/// A guest agent that is stopped for a while. The console tells when it has stopped and when it goes on: asking the agent
/// itself would change what libvirt knows of it.
/// </summary>
internal sealed class HungAgent
{
    private static int number;

    private readonly string console;
    private readonly string mark = $"agent {Interlocked.Increment(ref number)}";

    private HungAgent(TestGuest guest) => console = Path.Combine(guest.Lab.Folder, $"{guest.Name}.console.log");

    /// <summary>Stops the agent, and returns when it is stopped.</summary>
    public static HungAgent For(TestGuest guest, int seconds)
    {
        var hung = new HungAgent(guest);
        guest.Run(
            "/bin/sh",
            "-c",
            $"setsid sh -c 'agent=$(cat /run/qga.pid); sleep 0.5; kill -STOP $agent; echo {hung.mark} stopped >/dev/console; sleep {seconds}; "
            + $"echo {hung.mark} goes on >/dev/console; kill -CONT $agent' </dev/null >/dev/null 2>&1 &");
        Poll.Until(() => hung.HasSaid("stopped"), 30, "The agent does not stop.");
        return hung;
    }

    public void WaitUntilItGoesOn() => Poll.Until(() => HasSaid("goes on"), 60, "The agent does not go on.");

    private bool HasSaid(string word)
    {
        using var reader = new StreamReader(new FileStream(console, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd().Contains($"{mark} {word}", StringComparison.Ordinal);
    }
}
