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
    private readonly string word = $"{Interlocked.Increment(ref number)}";

    private HungAgent(TestGuest guest) => console = Path.Combine(guest.Lab.Folder, $"{guest.Name}.console.log");

    /// <summary>Stops the agent, and returns when it is stopped.</summary>
    public static HungAgent For(TestGuest guest, int seconds)
    {
        var hung = Tell(guest, seconds);
        hung.WaitUntilStopped();
        return hung;
    }

    /// <summary>
    /// Has the guest stop the agent once it has answered the next freeze. This is arranged beforehand: a frozen agent starts no programs.
    /// </summary>
    public static HungAgent OnceFrozen(TestGuest guest, int seconds) => Tell(guest, seconds, "frozen");

    public void WaitUntilStopped() => Poll.Until(() => HasSaid("stopped"), 30, "The agent does not stop.");

    public void WaitUntilItGoesOn() => Poll.Until(() => HasSaid("goes on"), 60, "The agent does not go on.");

    private static HungAgent Tell(TestGuest guest, int seconds, params string[] when)
    {
        var hung = new HungAgent(guest);
        guest.Run(["/bin/hang-agent", $"{seconds}", hung.word, .. when]);
        return hung;
    }

    private bool HasSaid(string what)
    {
        using var reader = new StreamReader(new FileStream(console, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd().Contains($"agent {word} {what}", StringComparison.Ordinal);
    }
}
