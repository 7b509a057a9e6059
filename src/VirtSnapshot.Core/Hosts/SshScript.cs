using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>A script on another host, at the other end of an ssh connection.</summary>
internal sealed class SshScript : IHostScript
{
    private const int MostComplaints = 4096;

    private readonly SshSession session;
    private readonly LocalScript pipe;
    private readonly string mark;
    private readonly SshConnection connection;
    private readonly StringBuilder complaints = new();

    public SshScript(SshSession session, string mark, SshConnection connection)
    {
        this.session = session;
        this.mark = mark;
        this.connection = connection;
        pipe = new LocalScript(session.Process);
        session.Process.ErrorDataReceived += (_, line) => Hear(line.Data);
        session.Process.BeginErrorReadLine();
    }

    /// <summary>On the other host; told with its first line.</summary>
    public int ProcessId { get; private set; }

    public string HostName => connection.User.HostName;

    /// <summary>Whether it is gone, or the connection to it.</summary>
    public bool HasEnded => session.HasEnded;

    public void WriteLine(string line) => pipe.WriteLine(line);

    public string? ReadLine(TimeSpan time)
    {
        var waited = Stopwatch.StartNew();
        while (pipe.ReadLine(time > waited.Elapsed ? time - waited.Elapsed : TimeSpan.Zero) is { } line)
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
        // ssh may have something to say to it.
        var exitCode = session.WaitForExitCode(TimeSpan.FromSeconds(2));
        lock (complaints)
        {
            return connection.Failure(complaints.ToString(), exitCode);
        }
    }

    /// <summary>Closes its input, and waits until it has ended over there.</summary>
    public void End(TimeSpan patience)
    {
        if (!session.HasEnded)
        {
            session.CloseInput();
            session.WaitForExitCode(patience);
        }

        Dispose();
    }

    public void Dispose() => session.Dispose();

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
