using System.Diagnostics;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>
/// Programs that a run has started and no longer waits for, since it was killed or has lost its host: what they make may still come, after somebody has looked
/// and seen nothing. They are known by the snapshot's name among their arguments, a part of which is random.
/// </summary>
internal static class LateCommands
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private const string Mark = "virtsnapshot-";

    // Neither this nor its argument, which lacks the first letter, matches itself.
    private const string Script = "grep -lsae \"[v]$1\" /proc/[0-9]*/cmdline; :";

    /// <summary>Waits for them, for a while.</summary>
    /// <exception cref="VirtSnapshotException"><c>HostSilent</c>: some are still at it.</exception>
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
                        $"A program on host '{host.Name}' is still at work on the snapshot '{snapshot.Name}' (process {processes}). Let it end, or end it, and run Repair-DiskSnapshot.");
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
            throw VolumeSnapshot.Damaged(snapshot.Name, "its name is none that we give");
        }

        var found = host.RunAsRoot("sh", ["-c", Script, "sh", snapshot.Name[(at + 1)..]]).Output;
        return string.Join(", ", found.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(file => file.Split('/')[2]));
    }
}
