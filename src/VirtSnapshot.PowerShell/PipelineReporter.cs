using System.Globalization;
using System.Management.Automation;
using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>
/// Writes the engine's messages to PowerShell's streams. Writing can throw (Ctrl+C, <c>-WarningAction Stop</c>), and must not
/// interrupt the engine during a merge: the exception is kept, and rethrown when the engine has returned.
/// </summary>
internal sealed class PipelineReporter(Cmdlet cmdlet) : IRunReporter
{
    private readonly Dictionary<(string Domain, string Target), ProgressRecord> bars = [];
    private RuntimeException? held;

    public void Verbose(string message) => Write(() => cmdlet.WriteVerbose(message));

    public void Warning(string message) => Write(() => cmdlet.WriteWarning(message));

    public void Progress(string domain, RemovalProgress progress) => Write(() =>
    {
        if (!bars.TryGetValue((domain, progress.Target), out var bar))
        {
            bar = new ProgressRecord(bars.Count + 1, $"Merging {domain}/{progress.Target}", "…");
            bars.Add((domain, progress.Target), bar);
        }

        bar.StatusDescription = $"{MebiBytes(progress.Done)} of {MebiBytes(progress.Total)} MiB";
        bar.PercentComplete = progress.Total == 0 ? 0 : (int)Math.Min(100, 100.0 * progress.Done / progress.Total);
        cmdlet.WriteProgress(bar);
    });

    /// <summary>Completes the progress bars.</summary>
    public void CompleteProgress()
    {
        foreach (var bar in bars.Values)
        {
            bar.RecordType = ProgressRecordType.Completed;
            Write(() => cmdlet.WriteProgress(bar));
        }

        bars.Clear();
    }

    /// <summary>Rethrows the first exception of a stream.</summary>
    public void ThrowHeld()
    {
        if (held is { } thrown)
        {
            held = null;
            throw thrown;
        }
    }

    private static string MebiBytes(ulong bytes) => (bytes / 1048576.0).ToString("0.0", CultureInfo.InvariantCulture);

    private void Write(Action write)
    {
        try
        {
            write();
        }
        catch (RuntimeException e)
        {
            held ??= e;
        }
    }
}
