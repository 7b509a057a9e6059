using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace VirtSnapshot.Tests.Lab;

/// <summary>
/// What a run of the tests spends on anything but testing. At its end it is written to the file that <c>VIRTSNAPSHOT_TEST_TIMES</c> names, a line each, so that
/// build.ps1 can show it, and slow tests are noticed.
/// </summary>
internal static class TimeSpent
{
    private static readonly ConcurrentDictionary<string, TimeSpan> Sums = new();

    static TimeSpent() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        if (Environment.GetEnvironmentVariable("VIRTSNAPSHOT_TEST_TIMES") is { Length: > 0 } file)
        {
            var sums = Sums.OrderBy(sum => sum.Key, StringComparer.Ordinal);
            File.WriteAllLines(file, sums.Select(sum => string.Create(CultureInfo.InvariantCulture, $"{sum.Value.TotalSeconds:0} {sum.Key}")));
        }
    };

    /// <summary>Starting guests, hosts and daemons.</summary>
    public static T Booting<T>(Func<T> action) => On("booting", action);

    /// <summary>Until something has happened elsewhere.</summary>
    public static void Waiting(Action action) => On("waiting", () =>
    {
        action();
        return 0;
    });

    /// <summary>A time that has to pass.</summary>
    public static void Sleep(TimeSpan time) => On("sleeping", () =>
    {
        Thread.Sleep(time);
        return 0;
    });

    private static T On<T>(string what, Func<T> action)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            return action();
        }
        finally
        {
            Sums.AddOrUpdate(what, watch.Elapsed, (_, sum) => sum + watch.Elapsed);
        }
    }
}
