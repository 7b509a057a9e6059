using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>
/// The way to another host: OpenSSH's own client, which keeps the connection open in the background for the next minute
/// (<c>ControlMaster</c>) and makes a new one by itself where that has died.
/// </summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "It lives as long as the process.")]
internal sealed class SshConnection
{
    private const int QuestionsAtOnce = 4;

    // A server takes ten on one connection (MaxSessions), and another process may have some as well.
    private const int SessionsOnOne = 8;
    private const int SshFailed = 255;
    private const string Lost = "the connection was lost before an answer came";
    private const int LongestSocketPath = 107;

    private static readonly TimeSpan KeepFor = TimeSpan.FromSeconds(60);
    private static readonly ConcurrentDictionary<SshAddress, SshConnection> Known = new();

    private readonly SshAddress address;
    private readonly SemaphoreSlim questions = new(QuestionsAtOnce);
    private readonly object meeting = new();
    private readonly List<(SshWorker Worker, bool AsRoot)> idle = [];
    private readonly List<int> sessions = [];
    private readonly Timer sweep;
    private HostUser? user;
    private int roundTrips;
    private int losses;

    private SshConnection(SshAddress address)
    {
        this.address = address;
        sweep = new Timer(_ => Sweep());
    }

    /// <summary>How long the answer to a query is awaited, which takes a moment. A change may take hours and has no limit. Only tests set it.</summary>
    internal TimeSpan QueryTimeout { get; set; } = TimeSpan.FromSeconds(60);

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
                if (user is { } known)
                {
                    return known;
                }

                // Where sudo refuses, somebody may be about to allow it: asked again the next time.
                var met = Meet();
                user = met.SudoError is null ? met : null;
                return met;
            }
        }
    }

    public static SshConnection To(SshAddress address) => Known.GetOrAdd(address, static address => new SshConnection(address));

    /// <summary>Runs one of our scripts on the other host, to its end.</summary>
    /// <param name="script">Its name.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="asRoot">Whether it needs root.</param>
    /// <param name="input">What it reads.</param>
    /// <param name="holders">The locks without which nothing may be done: where one is not held any more, nothing is.</param>
    /// <param name="isQuery">Whether it changes nothing and takes a moment: then it is run again where the connection was lost, and not waited for for ever.</param>
    /// <param name="cancellation">Ends it, for a script that ends when its input closes.</param>
    /// <exception cref="VirtSnapshotException"><c>HostUnreachable</c>, <c>HostSilent</c>, <c>SudoRefused</c> or <c>ProgramMissing</c>.</exception>
    public HostResult Ask(
        string script,
        IReadOnlyList<string> arguments,
        bool asRoot,
        byte[]? input = null,
        IReadOnlyList<LockHolder>? holders = null,
        bool isQuery = false,
        CancellationToken cancellation = default)
    {
        RequireSudo(asRoot);
        if (cancellation.CanBeCanceled)
        {
            // It may take hours, and others must not wait for it.
            return RunOnce(new HostQuery(script, arguments, input, holders ?? []), asRoot, isQuery, cancellation);
        }

        questions.Wait(CancellationToken.None);
        try
        {
            return RunOnce(new HostQuery(script, arguments, input, holders ?? []), asRoot, isQuery, cancellation);
        }
        catch (VirtSnapshotException e) when (isQuery && e.InnerException is EndOfStreamException)
        {
            // By now ssh knows that the connection that was kept open is dead. Who was not let in would not be let in again.
            return RunOnce(new HostQuery(script, arguments, input, holders ?? []), asRoot, isQuery, cancellation);
        }
        finally
        {
            questions.Release();
        }
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
        var mark = $"vs-{Guid.NewGuid():N}";
        return new SshScript(StartSession(HostScriptText.Read("start.sh"), ["start", mark, script, .. arguments], asRoot), mark, this);
    }

    /// <summary>ssh, or sudo behind it, has ended without having run what it should.</summary>
    public VirtSnapshotException Failure(string said, int exitCode)
    {
        var lines = said.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(line => !IsAboutSharing(line)).ToList();
        if (exitCode != SshFailed && lines.Find(line => line.StartsWith("sudo: ", StringComparison.Ordinal)) is { } refusal)
        {
            return SudoRefused(refusal, user?.HostName ?? address.Server);
        }

        var words = string.Join(' ', lines).TrimEnd('.');
        if (words.Contains($"failed to execute {address.Program}", StringComparison.Ordinal))
        {
            return HostProgram.Missing(address.Program, Environment.MachineName, words);
        }

        return words.Length > 0 ? Unreachable(words, null)
            : exitCode is SshFailed or (-1) ? Unreachable(Lost, new EndOfStreamException())
            : Unreachable($"ssh ended with exit code {exitCode} and said nothing", null);
    }

    private VirtSnapshotException Silent() => new(
        FailureKind.OperationTimeout,
        "HostSilent",
        address.Server,
        $"Host '{address.Server}' has not answered for {QueryTimeout.TotalSeconds:0} s when it was asked about files: something there hangs, as a file system does whose storage is gone. "
        + "Mend that, and try again.");

    private VirtSnapshotException Unreachable(string why, Exception? inner) => new(
        FailureKind.ConnectionError,
        "HostUnreachable",
        address.Server,
        $"Host '{address.Server}' cannot be reached over ssh: {why}. '{address.Command} true' must work without asking for anything.",
        inner);

    private VirtSnapshotException SudoRefused(string complaint, string host) => HostProgram.SudoRefused(host, address.User ?? Environment.UserName, complaint);

    /// <summary>What ssh says of a shared connection that it then does without.</summary>
    private static bool IsAboutSharing(string line) =>
        line.StartsWith("mux_client_", StringComparison.Ordinal) || line.StartsWith("ControlSocket ", StringComparison.Ordinal) || line.StartsWith("Control socket ", StringComparison.Ordinal);

    private HostUser Meet()
    {
        HostResult answer;
        try
        {
            answer = RunOnce(new HostQuery("connect.sh", [], null, []), asRoot: false, isQuery: true, CancellationToken.None);
        }
        catch (VirtSnapshotException e) when (e.InnerException is EndOfStreamException)
        {
            answer = RunOnce(new HostQuery("connect.sh", [], null, []), asRoot: false, isQuery: true, CancellationToken.None);
        }

        var lines = answer.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length < 2 || !uint.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            throw Unreachable("its shell does not say who we are", null);
        }

        var sudo = lines.ElementAtOrDefault(2)?.Trim() ?? "it said nothing";
        return new HostUser(id, lines[1], id == 0 || sudo == "yes" ? null : sudo, sudo != "missing");
    }

    private void RequireSudo(bool asRoot)
    {
        if (asRoot && User is { SudoError: { } complaint } met)
        {
            throw met.HasSudo ? SudoRefused(complaint, met.HostName) : HostProgram.Missing("sudo", met.HostName, "it is not there, and we are not root");
        }
    }

    private HostResult RunOnce(HostQuery question, bool asRoot, bool isQuery, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Interlocked.Increment(ref roundTrips);
        var worker = TakeIdle(asRoot, out var lossesBefore) ?? new SshWorker(StartSession(HostQuery.Worker, ["worker"], asRoot));
        var isKept = false;
        using var patience = isQuery ? new Timer(_ => worker.TimeOut(), null, QueryTimeout, Timeout.InfiniteTimeSpan) : null;
        try
        {
            var answer = worker.Ask(question, cancellation);
            cancellation.ThrowIfCancellationRequested();
            if (answer is null)
            {
                if (worker.HasTimedOut)
                {
                    throw Silent();
                }

                if (worker.HasAnswered)
                {
                    DropLost();
                    throw Unreachable(Lost, new EndOfStreamException());
                }

                var exitCode = worker.ExitCode;
                if (exitCode is SshFailed or (-1))
                {
                    DropLost();
                }

                throw Failure(worker.Stderr, exitCode);
            }

            isKept = true;
            return answer;
        }
        finally
        {
            if (isKept)
            {
                Keep(worker, asRoot, lossesBefore);
            }
            else
            {
                worker.Dispose();
            }
        }
    }

    private SshWorker? TakeIdle(bool asRoot, out int lossesBefore)
    {
        lock (idle)
        {
            NoticeLoss();
            lossesBefore = losses;
            var found = idle.FindLastIndex(kept => kept.AsRoot == asRoot);
            if (found < 0)
            {
                return null;
            }

            var worker = idle[found].Worker;
            idle.RemoveAt(found);
            return worker;
        }
    }

    private void Keep(SshWorker worker, bool asRoot, int lossesBefore)
    {
        worker.IdleSince = DateTime.UtcNow;
        lock (idle)
        {
            if (losses != lossesBefore)
            {
                worker.Dispose();
                return;
            }

            idle.Add((worker, asRoot));
            sweep.Change(KeepFor, KeepFor);
        }
    }

    /// <summary>An administrator's shell that stays open for days need not keep connections for days.</summary>
    private void Sweep()
    {
        lock (idle)
        {
            NoticeLoss();
            DropIdle(worker => worker.IdleSince + KeepFor < DateTime.UtcNow);
            if (idle.Count == 0)
            {
                sweep.Change(Timeout.Infinite, Timeout.Infinite);
            }
        }
    }

    /// <summary>Looks whether an idle session has ended.</summary>
    private void NoticeLoss()
    {
        if (idle.Exists(kept => kept.Worker.HasEnded))
        {
            DropLost();
        }
    }

    /// <summary>
    /// A session has ended by itself. The idle ones most likely used the connection that was lost with it, whether they have heard of that or not.
    /// A change is not repeated, so it must not be sent on one of them.
    /// </summary>
    private void DropLost()
    {
        lock (idle)
        {
            losses++;
            DropIdle(_ => true);
        }
    }

    private void DropIdle(Predicate<SshWorker> isDue)
    {
        foreach (var kept in idle.FindAll(kept => isDue(kept.Worker)))
        {
            kept.Worker.Dispose();
            idle.Remove(kept);
        }
    }

    private SshSession StartSession(string script, IReadOnlyList<string> arguments, bool asRoot)
    {
        string[] root = asRoot && user is { IsRoot: false } ? ["sudo", "-n", "--"] : [];
        int shared;
        lock (sessions)
        {
            shared = sessions.FindIndex(count => count < SessionsOnOne);
            if (shared < 0)
            {
                shared = sessions.Count;
                sessions.Add(0);
            }

            sessions[shared]++;
        }

        // setsid: the interrupt that ends a command at our terminal is not meant for the connection, which the guard hangs on.
        return new SshSession(
            HostProgram.Start("setsid", [
                address.Program,
                .. address.Arguments(ControlPath(shared)),
                "exec " + ShellText.Join([.. root, "sh", "-c", script, .. arguments]),
            ]),
            () =>
            {
                lock (sessions)
                {
                    sessions[shared]--;
                }
            });
    }

    /// <summary>The socket of a connection that is kept open. Whoever comes by another way (another key, another program) has another.</summary>
    internal string? ControlPath(int shared)
    {
        try
        {
            var way = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{address.Program}\0{address.KeyFile}\0{address.KnownHostsFile}\0{address.HostKeyChecking}")));
            var folder = PrivateFolder.Open().Replace("%", "%%", StringComparison.Ordinal);

            // %C is 40 characters of ssh's own for machine, port and user; while it makes the socket, it adds 17.
            var path = Path.Combine(folder, $"ssh-{way[..8]}{shared}-%C");
            return path.Length - 2 + 40 + 17 <= LongestSocketPath ? path : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Slower without, but no less right.
            return null;
        }
    }
}

/// <summary>Who we are on another host.</summary>
/// <param name="Id">The user's number.</param>
/// <param name="HostName">What the host calls itself.</param>
/// <param name="SudoError">Why sudo does not make us root; null where it does, or where we are root.</param>
/// <param name="HasSudo">Whether sudo is there at all.</param>
internal sealed record HostUser(uint Id, string HostName, string? SudoError, bool HasSudo)
{
    public bool IsRoot => Id == 0;
}
