using System.Diagnostics;
using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Faults;

/// <summary>libvirtd is killed, and is back some time later.</summary>
internal sealed class DaemonOutage(LabFixture lab, double seconds)
{
    private readonly Stopwatch sinceBack = new();
    private Thread? revival;

    /// <summary>How long it has been back.</summary>
    public TimeSpan SinceBack => sinceBack.Elapsed;

    public void Begin()
    {
        lab.KillDaemon();
        revival = new Thread(() =>
        {
            TimeSpent.Sleep(TimeSpan.FromSeconds(seconds));
            lab.RestartDaemon();
            sinceBack.Start();
        });
        revival.Start();
    }

    public void WaitUntilOver() => (revival ?? throw new InvalidOperationException("libvirtd was never killed.")).Join();
}
