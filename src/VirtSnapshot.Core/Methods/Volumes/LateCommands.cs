using System.Diagnostics;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>
/// Commands still running after their caller died or lost the connection to the host. They may create the snapshot after a check found none. They are
/// recognised by the snapshot's name among their arguments, a part of which is random.
/// </summary>
internal static class LateCommands
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private const string Mark = "virtsnapshot-";

    // Neither this nor its argument, which lacks the first letter, matches itself.
    private const string Script = "grep -lsae \"[v]$1\" /proc/[0-9]*/cmdline; :";

    /// <summary>Waits until they have ended, at most <see cref="Patience"/>.</summary>
    /// <exception cref="VirtSnapshotException"><c>HostSilent</c>: one still runs.</exception>
    public static void Wait(IHost host, IEnumerable<VolumeSnapshot> snapshots)
    {
        var waited = Stopwatch.StartNew();
        foreach (var snapshot in snapshots)
        {
            while (Find(host, snapshot) is { Length: > 0 } processes)
            {
                if (waited.Elapsed > Patience)
                {
                    throw new VirtSnapshotException(
                        FailureKind.OperationTimeout,
                        "HostSilent",
                        snapshot.Name,
                        $"A command for the snapshot '{snapshot.Name}' still runs on host '{host.Name}' (process {processes}). "
                        + "Wait until it ends, or kill it, then run Repair-DiskSnapshot.");
                }

                Thread.Sleep(Pause);
            }
        }
    }

    private static string Find(IHost host, VolumeSnapshot snapshot)
    {
        var at = snapshot.Name.LastIndexOf(Mark, StringComparison.Ordinal);
        if (at < 0)
        {
            throw VolumeSnapshot.Damaged(snapshot.Name, "it is not a name that VirtSnapshot gives");
        }

        var found = host.RunAsRoot("sh", ["-c", Script, "sh", snapshot.Name[(at + 1)..]]).Output;
        return string.Join(", ", found.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(file => file.Split('/')[2]));
    }
}
