using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>A script on another host that runs over ssh.</summary>
internal sealed class SshScript : IHostScript
{
    private const int MaxErrorLength = 4096;

    private readonly SshSession session;
    private readonly LocalScript pipe;
    private readonly string mark;
    private readonly SshConnection connection;
    private readonly StringBuilder errors = new();

    public SshScript(SshSession session, string mark, SshConnection connection)
    {
        this.session = session;
        this.mark = mark;
        this.connection = connection;
        pipe = new LocalScript(session.Process);
        session.Process.ErrorDataReceived += (_, line) => AddError(line.Data);
        session.Process.BeginErrorReadLine();
    }

    /// <summary>Its process id on the host, which is in its first line.</summary>
    public int ProcessId { get; private set; }

    public string HostName => connection.User.HostName;

    /// <summary>Whether the script or its connection has ended.</summary>
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

            // A login shell may print text before it.
            var at = line.IndexOf(mark + " ", StringComparison.Ordinal);
            if (at >= 0 && int.TryParse(line.AsSpan(at + mark.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                ProcessId = id;
            }
        }

        return null;
    }

    /// <summary>The error for a script that did not start.</summary>
    public VirtSnapshotException Failure()
    {
        // ssh prints the cause before it ends.
        var exitCode = session.WaitForExitCode(TimeSpan.FromSeconds(2));
        lock (errors)
        {
            return connection.Failure(errors.ToString(), exitCode);
        }
    }

    /// <summary>Closes its stdin, and waits until it has ended on the host.</summary>
    public void End(TimeSpan timeout)
    {
        if (!session.HasEnded)
        {
            session.CloseInput();
            session.WaitForExitCode(timeout);
        }

        Dispose();
    }

    public void Dispose() => session.Dispose();

    private void AddError(string? line)
    {
        lock (errors)
        {
            if (errors.Length < MaxErrorLength)
            {
                errors.AppendLine(line);
            }
        }
    }
}
