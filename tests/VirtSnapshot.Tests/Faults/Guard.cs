using System.Diagnostics;
using System.Globalization;
using System.Text;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>What a test can see of freezes: the guest's own log of them, and the guards that watch over them.</summary>
internal static class Guard
{
    private const string FreezeBegins = "disabling command: guest-fsfreeze-freeze";
    private const string ThawIsDone = "enabling command: guest-fsfreeze-freeze";

    /// <summary>The guards at work in the guest's lab (one test works at a time), without what they have started themselves.</summary>
    public static IReadOnlyList<int> ProcessesOf(TestGuest guest) => ProcessesWith(guest, "");

    /// <summary>Waits for the guard that is made ahead after a run, while that run's own may still be ending.</summary>
    public static int WaitForSpare(TestGuest guest)
    {
        Poll.Until(() => ProcessesWith(guest, "spare").Count == 1, 20, "No guard was made ahead.");
        return ProcessesWith(guest, "spare")[0];
    }

    private static IReadOnlyList<int> ProcessesWith(TestGuest guest, string argument)
    {
        // Their script is an argument of theirs, and all that they start has it as well.
        var mark = Encoding.UTF8.GetBytes($"virtsnapshot-freeze-guard\0{guest.Lab.Uri}\0{argument}");
        var found = Directory.GetDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0 && Read(id, "cmdline").AsSpan().IndexOf(mark) >= 0)
            .ToDictionary(id => id, ParentOf);
        return [.. found.Where(process => !found.ContainsKey(process.Value)).Select(process => process.Key).Order()];

        // The command's name, in parentheses, may hold anything.
        static int ParentOf(int id) => Encoding.UTF8.GetString(Read(id, "stat")) is { Length: > 0 } stat
            ? int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture)
            : 0;

        static byte[] Read(int id, string file)
        {
            try
            {
                return File.ReadAllBytes($"/proc/{id}/{file}");
            }
            catch (IOException)
            {
                // It has ended.
                return [];
            }
        }
    }

    public static void AssertGone(TestGuest guest, double withinSeconds = 10) =>
        Poll.Until(() => ProcessesOf(guest).Count == 0, withinSeconds, $"A guard of '{guest.Name}' is still there.");

    /// <summary>Waits until the agent answers that nothing is frozen, and fails when that takes too long.</summary>
    public static void AssertThawed(TestGuest guest, double withinSeconds = 5)
    {
        Poll.Until(() => IsThawed(guest), withinSeconds, $"Guest '{guest.Name}' is still frozen.");
        guest.WaitForMoreRecords(1);
    }

    /// <summary>How long each freeze lasted by the guest's own clock; the last is open where it is frozen now.</summary>
    public static IReadOnlyList<TimeSpan?> Freezes(TestGuest guest)
    {
        var freezes = new List<TimeSpan?>();
        var frozenAt = 0.0;

        // Each command's name ends its line; "guest-fsfreeze-freeze-list" is disabled and enabled with it.
        foreach (var line in guest.Run("/bin/sh", "-c", "grep 'command: guest-fsfreeze-freeze$' /run/qga.log || true")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var at = double.Parse(line.AsSpan(0, line.IndexOf(':', StringComparison.Ordinal)), CultureInfo.InvariantCulture);
            if (line.EndsWith(FreezeBegins, StringComparison.Ordinal))
            {
                frozenAt = at;
                freezes.Add(null);
            }
            else if (line.EndsWith(ThawIsDone, StringComparison.Ordinal) && freezes is [.., null])
            {
                freezes[^1] = TimeSpan.FromSeconds(at - frozenAt);
            }
        }

        return freezes;
    }

    private static bool IsThawed(TestGuest guest) =>
        guest.TryAsk("""{"execute":"guest-fsfreeze-status"}""", timeoutSeconds: 2)?.Contains("\"thawed\"", StringComparison.Ordinal) == true;
}

/// <summary>Waiting for something that has to come, and no longer than it may take.</summary>
internal static class Poll
{
    public static void Until(Func<bool> condition, double withinSeconds, string complaint) => TimeSpent.Waiting(() =>
    {
        var waited = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(waited.Elapsed.TotalSeconds < withinSeconds, $"{complaint} ({withinSeconds} s)");
            Thread.Sleep(20);
        }
    });
}
