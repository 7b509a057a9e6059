using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>
/// A shell on the other host that answers one question after the other. Starting one takes a login there, with all that the user's
/// shell does at that; a question then takes one journey.
/// </summary>
internal sealed class SshWorker : IDisposable
{
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    private readonly SshSession session;
    private readonly MarkedOutput output;
    private readonly MarkedOutput errors;

    public SshWorker(SshSession session)
    {
        this.session = session;
        output = new MarkedOutput(session.Process.StandardOutput.BaseStream);
        errors = new MarkedOutput(session.Process.StandardError.BaseStream);
    }

    /// <summary>Since when it has nothing to do.</summary>
    public DateTime IdleSince { get; set; }

    public bool HasEnded => session.HasEnded;

    /// <summary>Whether it has ever answered: then what fails later is not a matter of being let in.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>Whether its answer was not waited for.</summary>
    public bool HasTimedOut { get; private set; }

    /// <summary>What was said on stderr since the last answer, to the end: what ssh says last is heard after it has ended.</summary>
    public string Stderr => Encoding.UTF8.GetString(errors.WaitForEnd(EndPatience));

    /// <param name="question">What to do.</param>
    /// <param name="cancellation">Ends it, for a script that ends when its input closes. Nothing more can be asked then.</param>
    /// <returns>Null where no whole answer came.</returns>
    public HostResult? Ask(HostQuery question, CancellationToken cancellation)
    {
        var nonce = Convert.ToHexString(RandomNumberGenerator.GetBytes(12));
        var mark = $"vs-{nonce}";

        // Before the first answer nothing is dropped: ssh may already have said why it fails.
        if (HasAnswered)
        {
            output.Forget();
            errors.Forget();
        }

        using (cancellation.Register(Stop))
        {
            if (!TryWrite(question.ToBytes(mark, readsOurs: cancellation.CanBeCanceled)))
            {
                return null;
            }

            var markBytes = Encoding.ASCII.GetBytes(mark);
            var said = errors.WaitForAnswer(markBytes, hasTail: true);
            var printed = said is null ? null : output.WaitForAnswer(markBytes, hasTail: false);
            if (said is not { } complaint || printed is not { } answer || !int.TryParse(complaint.Tail, NumberStyles.None, CultureInfo.InvariantCulture, out var result))
            {
                return null;
            }

            HasAnswered = true;
            var text = Encoding.UTF8.GetString(complaint.Answer);
            return new HostResult(result, answer.Answer, text, IsProgramMissing: text == $"{nonce} missing", IsLockLost: text == $"{nonce} unlocked");
        }
    }

    /// <summary>How ssh ended, which it does soon after its pipes were closed.</summary>
    public int ExitCode => session.WaitForExitCode(EndPatience);

    /// <summary>Ends the waiting for an answer, and the connection to where none came from.</summary>
    public void TimeOut()
    {
        HasTimedOut = true;
        Kill();
    }

    public void Dispose() => session.Dispose();

    private bool TryWrite(byte[] question)
    {
        try
        {
            var stream = session.Process.StandardInput.BaseStream;
            stream.Write(question);
            stream.Flush();
            return true;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // ssh may have something to say to it.
            session.WaitForExitCode(EndPatience);
            return false;
        }
    }

    /// <summary>Its pipes need not close by that: the ssh that keeps the connection open has them as well.</summary>
    private void Kill()
    {
        session.Kill();
        output.End();
        errors.End();
    }

    /// <summary>The end of its input ends the program over there; where nobody is there any more, ssh is ended here.</summary>
    private void Stop()
    {
        session.CloseInput();
        if (session.WaitForExitCode(StopPatience) < 0)
        {
            Kill();
        }
    }
}
