using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>A script on another host, at the other end of an ssh connection.</summary>
internal sealed class SshScript : IHostScript
{
    private const int MostComplaints = 4096;

    private readonly Process process;
    private readonly LocalScript pipe;
    private readonly string mark;
    private readonly SshConnection connection;
    private readonly StringBuilder complaints = new();
    private bool isDisposed;

    public SshScript(Process process, string mark, SshConnection connection)
    {
        this.process = process;
        this.mark = mark;
        this.connection = connection;
        pipe = new LocalScript(process);
        process.ErrorDataReceived += (_, line) => Hear(line.Data);
        process.BeginErrorReadLine();
    }

    /// <summary>On the other host; told with its first line.</summary>
    public int ProcessId { get; private set; }

    /// <summary>Whether it is gone, or the connection to it.</summary>
    public bool HasEnded => isDisposed || process.HasExited;

    public void Tell(string line) => pipe.Tell(line);

    public string? Listen(TimeSpan time)
    {
        var waited = Stopwatch.StartNew();
        while (pipe.Listen(time > waited.Elapsed ? time - waited.Elapsed : TimeSpan.Zero) is { } line)
        {
            if (ProcessId != 0)
            {
                return line;
            }

            // A login shell may have had its own word before.
            var at = line.IndexOf(mark + " ", StringComparison.Ordinal);
            if (at >= 0 && int.TryParse(line.AsSpan(at + mark.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                ProcessId = id;
            }
        }

        return null;
    }

    /// <summary>Why nothing came of it.</summary>
    public VirtSnapshotException Failure()
    {
        string said;
        lock (complaints)
        {
            said = complaints.ToString();
        }

        return said.StartsWith("sudo: ", StringComparison.Ordinal) ? connection.SudoRefused(said) : connection.Unreachable(said, 0);
    }

    /// <summary>Closes its input, and waits until it has ended over there.</summary>
    public void End(TimeSpan patience)
    {
        if (!isDisposed)
        {
            pipe.CloseInput();
            process.WaitForExit(patience);
            Dispose();
        }
    }

    public void Dispose()
    {
        isDisposed = true;
        pipe.Dispose();
    }

    private void Hear(string? line)
    {
        lock (complaints)
        {
            if (complaints.Length < MostComplaints)
            {
                complaints.AppendLine(line);
            }
        }
    }
}
