using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>
/// The way to another host: OpenSSH's own client, which keeps one connection open for all that we ask and for the next minute, in the
/// background (<c>ControlMaster</c>), and makes a new one by itself where that has died. Each question is one program on the other side.
/// </summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "It lives as long as the process.")]
internal sealed class SshConnection
{
    // A server takes ten sessions on one connection (MaxSessions): leave some to guards and locks, which stay.
    private const int QuestionsAtOnce = 4;
    private const int SshFailed = 255;
    private const string Lost = "the connection was lost before an answer came";
    private const int LongestSocketPath = 107;

    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);
    private static readonly ConcurrentDictionary<SshAddress, SshConnection> Known = new();

    private readonly SshAddress address;
    private readonly SemaphoreSlim questions = new(QuestionsAtOnce);
    private readonly object meeting = new();
    private HostUser? user;
    private int roundTrips;

    private SshConnection(SshAddress address) => this.address = address;

    /// <summary>How often the other host was asked something.</summary>
    public int RoundTrips => roundTrips;

    /// <summary>Found out with the first question.</summary>
    /// <exception cref="VirtSnapshotException"><c>HostUnreachable</c>.</exception>
    public HostUser User
    {
        get
        {
            lock (meeting)
            {
                if (user is null)
                {
                    var met = Meet();
                    if (met.SudoComplaint is not null)
                    {
                        // Somebody may be about to allow it.
                        return met;
                    }

                    user = met;
                }

                return user;
            }
        }
    }

    public static SshConnection To(SshAddress address) => Known.GetOrAdd(address, static address => new SshConnection(address));

    /// <summary>Runs one of our scripts on the other host, to its end.</summary>
    /// <param name="script">Its name.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="asRoot">Whether it needs root.</param>
    /// <param name="input">What it reads.</param>
    /// <param name="isRepeatable">Whether it may be run again where it is not known what became of the first time.</param>
    /// <param name="cancellation">Ends it, for a script that ends when its input closes.</param>
    /// <exception cref="VirtSnapshotException"><c>HostUnreachable</c>, <c>SudoRefused</c> or <c>ProgramMissing</c>.</exception>
    public HostAnswer Ask(
        string script, IReadOnlyList<string> arguments, bool asRoot, byte[]? input = null, bool isRepeatable = false, CancellationToken cancellation = default)
    {
        RequireSudo(asRoot);
        return isRepeatable
            ? Repeatedly(() => AskOnce(script, arguments, asRoot, input, cancellation))
            : AskOnce(script, arguments, asRoot, input, cancellation);
    }

    /// <summary>Starts a script that runs beside us, with a pipe from and to us. It reads the end of its input when we or the connection die.</summary>
    /// <param name="script">Its text.</param>
    /// <param name="arguments">Its name and arguments.</param>
    /// <param name="asRoot">Whether it needs root.</param>
    /// <exception cref="VirtSnapshotException"><c>HostUnreachable</c>, <c>SudoRefused</c> or <c>ProgramMissing</c>.</exception>
    public SshScript Start(string script, IReadOnlyList<string> arguments, bool asRoot)
    {
        RequireSudo(asRoot);
        Interlocked.Increment(ref roundTrips);
        var mark = NewMark();
        return new SshScript(StartSsh(HostScriptText.Read("start.sh"), ["start", mark, script, .. arguments], asRoot), mark, this);
    }

    /// <summary>ssh itself failed.</summary>
    public VirtSnapshotException Unreachable(string said, int exitCode)
    {
        var words = string.Join(' ', said.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(line => !IsAboutSharing(line)));
        if (words.Contains($"failed to execute {address.Program}", StringComparison.Ordinal))
        {
            return HostProgram.Missing(address.Program, Environment.MachineName, words);
        }

        return Unreachable(
            words.Length > 0 ? words.TrimEnd('.')
            : exitCode == SshFailed ? Lost
            : $"ssh ended with exit code {exitCode} and said nothing",
            words.Length > 0 || exitCode != SshFailed ? null : new EndOfStreamException());
    }

    public VirtSnapshotException SudoRefused(string complaint) => HostProgram.SudoRefused(user?.HostName ?? address.Server, address.User ?? Environment.UserName, complaint);

    private VirtSnapshotException Unreachable(string why, Exception? inner) => new(
        FailureKind.ConnectionError,
        "HostUnreachable",
        address.Server,
        $"Host '{address.Server}' cannot be reached over ssh: {why}. '{address.Command} true' must work without asking for anything.",
        inner);

    /// <summary>What ssh says of a shared connection that it then does without.</summary>
    private static bool IsAboutSharing(string line) =>
        line.StartsWith("mux_client_", StringComparison.Ordinal) || line.StartsWith("ControlSocket ", StringComparison.Ordinal) || line.StartsWith("Control socket ", StringComparison.Ordinal);

    private static string NewMark() => $"vs-{Convert.ToHexString(RandomNumberGenerator.GetBytes(12))}";

    private HostUser Meet()
    {
        var lines = Repeatedly(() => AskOnce("connect.sh", [], asRoot: false, null, default)).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length < 2 || !uint.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            throw Unreachable("its shell does not say who we are", null);
        }

        var sudo = lines.ElementAtOrDefault(2)?.Trim() ?? "it said nothing";
        return new HostUser(id, lines[1], id == 0 || sudo == "yes" ? null : sudo, sudo != "missing");
    }

    /// <summary>Once more where the connection was lost: by then ssh knows that the one it kept open is dead. Who was not let in is not let in again.</summary>
    private static HostAnswer Repeatedly(Func<HostAnswer> ask)
    {
        try
        {
            return ask();
        }
        catch (VirtSnapshotException e) when (e.InnerException is EndOfStreamException)
        {
            return ask();
        }
    }

    private void RequireSudo(bool asRoot)
    {
        if (!asRoot || User is not { SudoComplaint: { } complaint } met)
        {
            return;
        }

        throw met.HasSudo ? SudoRefused(complaint) : HostProgram.Missing("sudo", met.HostName, "it is not there, and we are not root");
    }

    private HostAnswer AskOnce(string script, IReadOnlyList<string> arguments, bool asRoot, byte[]? input, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Interlocked.Increment(ref roundTrips);
        var mark = NewMark();
        var text = HostScriptText.Read("ask.sh").Replace("@BODY@", HostScriptText.Read(script), StringComparison.Ordinal);
        questions.Wait(cancellation);
        try
        {
            using var process = StartSsh(text, ["ask", mark, .. arguments], asRoot);
            var output = new HeardOutput(process.StandardOutput.BaseStream);
            var errors = new HeardOutput(process.StandardError.BaseStream);
            using (cancellation.Register(() => Stop(process)))
            {
                Feed(process, input, staysOpen: cancellation.CanBeCanceled);
                process.WaitForExit();
            }

            cancellation.ThrowIfCancellationRequested();
            return ReadAnswer(mark, process.ExitCode, output.Read(EndPatience), errors.Read(EndPatience), asRoot);
        }
        finally
        {
            questions.Release();
        }
    }

    /// <summary>Only what stands between our marks was said by the script, and only with both of them did it come to its end.</summary>
    private HostAnswer ReadAnswer(string mark, int exitCode, byte[] output, byte[] errors, bool asRoot)
    {
        var markBytes = Encoding.ASCII.GetBytes(mark);
        var said = Encoding.UTF8.GetString(errors);
        var begin = said.IndexOf(mark, StringComparison.Ordinal);
        if (begin < 0)
        {
            var refusal = said.Split('\n').FirstOrDefault(line => line.StartsWith("sudo: ", StringComparison.Ordinal));
            throw asRoot && exitCode != SshFailed && refusal is not null ? SudoRefused(refusal) : Unreachable(said, exitCode);
        }

        var end = said.LastIndexOf(mark, StringComparison.Ordinal);
        var outputBegin = output.AsSpan().IndexOf(markBytes);
        var outputEnd = output.AsSpan().LastIndexOf(markBytes);
        if (begin == end || outputBegin == outputEnd || !int.TryParse(said.AsSpan(end + mark.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var result) || result != exitCode)
        {
            throw Unreachable(Lost, new EndOfStreamException());
        }

        var complaint = said[(begin + mark.Length)..end];
        return new HostAnswer(result, output[(outputBegin + mark.Length)..outputEnd], complaint, IsProgramMissing: complaint == $"{mark} missing");
    }

    private Process StartSsh(string script, IReadOnlyList<string> arguments, bool asRoot)
    {
        string[] root = asRoot && user is { IsRoot: false } ? ["sudo", "-n", "--"] : [];

        // setsid: the interrupt that ends a command at our terminal is not meant for the connection, which the guard hangs on.
        return HostProgram.Start("setsid", [
            address.Program,
            .. address.Arguments(ControlPath()),
            "exec " + ShellText.Join([.. root, "sh", "-c", script, .. arguments]),
        ]);
    }

    /// <summary>The socket of the connection that is kept open. Whoever comes by another way (another key, another program) has another.</summary>
    private string? ControlPath()
    {
        try
        {
            var way = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{address.Program}\0{address.KeyFile}\0{address.KnownHostsFile}\0{address.HostKeyChecking}")));
            var folder = PrivateFolder.Open().Replace("%", "%%", StringComparison.Ordinal);

            // %C is 40 characters of ssh's own for machine, port and user; while it makes the socket, it adds 17.
            var path = Path.Combine(folder, $"ssh-{way[..8]}-%C");
            return path.Length - 2 + 40 + 17 <= LongestSocketPath ? path : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Slower without, but no less right.
            return null;
        }
    }

    private static void Feed(Process process, byte[]? input, bool staysOpen)
    {
        try
        {
            if (input is not null)
            {
                process.StandardInput.BaseStream.Write(input);
            }

            if (!staysOpen)
            {
                process.StandardInput.Close();
            }
        }
        catch (IOException)
        {
            // It has ended; how, its exit code tells.
        }
    }

    /// <summary>The end of its input ends the program over there; where nobody is there any more, ssh is ended here.</summary>
    private static void Stop(Process process)
    {
        try
        {
            process.StandardInput.Close();
            if (!process.WaitForExit(StopPatience))
            {
                process.Kill();
            }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // Ended by itself meanwhile.
        }
    }
}
