using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>
/// A shell on the remote host that executes one request after the other. Starting it needs a login, with everything that the user's
/// shell does then; a request needs one round trip.
/// </summary>
internal sealed class SshWorker : IDisposable
{
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    private readonly SshSession session;
    private readonly MarkedOutput output;
    private readonly MarkedOutput errors;

    public SshWorker(SshSession session)
    {
        this.session = session;
        output = new MarkedOutput(session.Process.StandardOutput.BaseStream);
        errors = new MarkedOutput(session.Process.StandardError.BaseStream);
    }

    /// <summary>When its last request ended.</summary>
    public DateTime IdleSince { get; set; }

    public bool HasEnded => session.HasEnded;

    /// <summary>Whether a request has succeeded. Later failures are then not login failures.</summary>
    public bool HasReplied { get; private set; }

    /// <summary>Whether a request has exceeded its time limit.</summary>
    public bool HasTimedOut { get; private set; }

    /// <summary>stderr since the last result, read to its end: the last lines of ssh arrive after it has ended.</summary>
    public string Stderr => Encoding.UTF8.GetString(errors.WaitForEnd(EndTimeout));

    /// <param name="query">The request.</param>
    /// <param name="cancellation">Ends the script by closing the worker's stdin. The worker cannot be used again.</param>
    /// <returns>Null if the result is missing or incomplete.</returns>
    public HostResult? Run(HostQuery query, CancellationToken cancellation)
    {
        var nonce = Convert.ToHexString(RandomNumberGenerator.GetBytes(12));
        var mark = $"vs-{nonce}";

        // Nothing is discarded before the first result: ssh may already have printed why it fails.
        if (HasReplied)
        {
            output.Clear();
            errors.Clear();
        }

        using (cancellation.Register(Stop))
        {
            if (!TryWrite(query.ToBytes(mark, takesWholeInput: cancellation.CanBeCanceled)))
            {
                return null;
            }

            var markBytes = Encoding.ASCII.GetBytes(mark);
            if (errors.WaitForContent(markBytes, hasTail: true) is not { } stderr
                || output.WaitForContent(markBytes, hasTail: false) is not { } stdout
                || !int.TryParse(stderr.Tail, NumberStyles.None, CultureInfo.InvariantCulture, out var exitCode))
            {
                return null;
            }

            HasReplied = true;
            var text = Encoding.UTF8.GetString(stderr.Content);
            return new HostResult(
                exitCode, stdout.Content, text, IsProgramMissing: text == $"{nonce} missing", IsLockLost: text == $"{nonce} unlocked");
        }
    }

    /// <summary>The exit code of ssh, which ends soon after its pipes are closed.</summary>
    public int ExitCode => session.WaitForExitCode(EndTimeout);

    /// <summary>Ends the wait for a result and the ssh process.</summary>
    public void TimeOut()
    {
        HasTimedOut = true;
        Kill();
    }

    public void Dispose() => session.Dispose();

    private bool TryWrite(byte[] request)
    {
        try
        {
            var stream = session.Process.StandardInput.BaseStream;
            stream.Write(request);
            stream.Flush();
            return true;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // ssh prints the cause before it ends.
            session.WaitForExitCode(EndTimeout);
            return false;
        }
    }

    /// <summary>Ends ssh and all waits. Its pipes may stay open, since the ssh process of the shared connection inherits them.</summary>
    private void Kill()
    {
        session.Kill();
        output.End();
        errors.End();
    }

    /// <summary>Closing stdin ends the program on the host. If the host does not respond, the ssh process is killed.</summary>
    private void Stop()
    {
        session.CloseInput();
        if (session.WaitForExitCode(StopTimeout) < 0)
        {
            Kill();
        }
    }
}
