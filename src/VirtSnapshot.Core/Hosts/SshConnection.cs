using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>
/// The connection to a remote host: OpenSSH's client, which shares one connection between sessions (<c>ControlMaster</c>), keeps it open
/// for a minute, and opens a new one if it was lost.
/// </summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "It exists as long as the process.")]
internal sealed class SshConnection
{
    private const int MaxParallelRequests = 4;

    // A server allows ten sessions per connection (MaxSessions); another process may use some of them.
    private const int MaxSessionsPerConnection = 8;
    private const int SshFailed = 255;
    private const string Lost = "the connection was lost before a reply was received";
    private const int LongestSocketPath = 107;

    private static readonly TimeSpan KeepFor = TimeSpan.FromSeconds(60);
    private static readonly ConcurrentDictionary<SshAddress, SshConnection> Known = new();

    private readonly SshAddress address;
    private readonly SemaphoreSlim requests = new(MaxParallelRequests);
    private readonly object userLock = new();
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

    /// <summary>The time limit of a query, which is short. A change may take hours and has no limit. Only tests set it.</summary>
    internal TimeSpan QueryTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>The number of requests to the host.</summary>
    public int RoundTrips => roundTrips;

    /// <summary>The remote user, read with the first request.</summary>
    /// <exception cref="VirtSnapshotException"><c>HostUnreachable</c>.</exception>
    public HostUser User
    {
        get
        {
            lock (userLock)
            {
                if (user is { } known)
                {
                    return known;
                }

                // A failure of sudo is not cached, since the administrator may correct its configuration.
                var found = ReadUser();
                user = found.SudoError is null ? found : null;
                return found;
            }
        }
    }

    public static SshConnection To(SshAddress address) => Known.GetOrAdd(address, static address => new SshConnection(address));

    /// <summary>Runs one of the embedded scripts on the remote host, to its end.</summary>
    /// <param name="script">Its name.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="asRoot">Whether it needs root permission.</param>
    /// <param name="input">Its stdin.</param>
    /// <param name="holders">The locks that must be held; if one is lost, the script is not run.</param>
    /// <param name="isQuery">Whether it changes nothing and is short. Then it is repeated after a lost connection, and has a time limit.</param>
    /// <param name="cancellation">Ends the script by closing its stdin.</param>
    /// <exception cref="VirtSnapshotException"><c>HostUnreachable</c>, <c>HostSilent</c>, <c>SudoRefused</c> or <c>ProgramMissing</c>.</exception>
    public HostResult Run(
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
            // It may take hours, and must not block other requests.
            return RunOnce(new HostQuery(script, arguments, input, holders ?? []), asRoot, isQuery, cancellation);
        }

        requests.Wait(CancellationToken.None);
        try
        {
            return RunOnce(new HostQuery(script, arguments, input, holders ?? []), asRoot, isQuery, cancellation);
        }
        catch (VirtSnapshotException e) when (isQuery && e.InnerException is EndOfStreamException)
        {
            // ssh has now detected that the shared connection is dead. A login failure is not repeated: it would fail again.
            return RunOnce(new HostQuery(script, arguments, input, holders ?? []), asRoot, isQuery, cancellation);
        }
        finally
        {
            requests.Release();
        }
    }

    /// <summary>
    /// Starts a script that runs in the background, with pipes for its stdin and stdout. Its stdin ends when this process or the connection dies.
    /// </summary>
    /// <param name="script">Its text.</param>
    /// <param name="arguments">Its name and arguments.</param>
    /// <param name="asRoot">Whether it needs root permission.</param>
    /// <exception cref="VirtSnapshotException"><c>HostUnreachable</c>, <c>SudoRefused</c> or <c>ProgramMissing</c>.</exception>
    public SshScript Start(string script, IReadOnlyList<string> arguments, bool asRoot)
    {
        RequireSudo(asRoot);
        Interlocked.Increment(ref roundTrips);
        var mark = $"vs-{Guid.NewGuid():N}";
        return new SshScript(StartSession(HostScriptText.Read("start.sh"), ["start", mark, script, .. arguments], asRoot), mark, this);
    }

    /// <summary>The error for ssh, or sudo on the host, that ended before the script ran.</summary>
    public VirtSnapshotException Failure(string stderr, int exitCode)
    {
        var lines = stderr.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(line => !IsAboutSharing(line))
            .ToList();
        if (exitCode != SshFailed && lines.Find(line => line.StartsWith("sudo: ", StringComparison.Ordinal)) is { } sudoError)
        {
            return SudoRefused(sudoError, user?.HostName ?? address.Server);
        }

        var text = string.Join(' ', lines).TrimEnd('.');
        if (text.Contains($"failed to execute {address.Program}", StringComparison.Ordinal))
        {
            return HostProgram.Missing(address.Program, Environment.MachineName, text);
        }

        return text.Length > 0 ? Unreachable(text, null)
            : exitCode is SshFailed or (-1) ? Unreachable(Lost, new EndOfStreamException())
            : Unreachable($"ssh ended with exit code {exitCode} and no error message", null);
    }

    private VirtSnapshotException TimedOut() => new(
        FailureKind.OperationTimeout,
        "HostSilent",
        address.Server,
        $"Host '{address.Server}' did not return file attributes within {QueryTimeout.TotalSeconds:0} s. "
        + "Check the host for a file system that hangs because its storage is lost, and try again.");

    private VirtSnapshotException Unreachable(string why, Exception? inner) => new(
        FailureKind.ConnectionError,
        "HostUnreachable",
        address.Server,
        $"Host '{address.Server}' cannot be reached over ssh: {why}. '{address.Command} true' must work without a prompt.",
        inner);

    private VirtSnapshotException SudoRefused(string sudoError, string host) =>
        HostProgram.SudoRefused(host, address.User ?? Environment.UserName, sudoError);

    /// <summary>Whether ssh reports that it cannot use the shared connection. It then works without.</summary>
    private static bool IsAboutSharing(string line) =>
        line.StartsWith("mux_client_", StringComparison.Ordinal)
        || line.StartsWith("ControlSocket ", StringComparison.Ordinal)
        || line.StartsWith("Control socket ", StringComparison.Ordinal);

    private HostUser ReadUser()
    {
        HostResult result;
        try
        {
            result = RunOnce(new HostQuery("connect.sh", [], null, []), asRoot: false, isQuery: true, CancellationToken.None);
        }
        catch (VirtSnapshotException e) when (e.InnerException is EndOfStreamException)
        {
            result = RunOnce(new HostQuery("connect.sh", [], null, []), asRoot: false, isQuery: true, CancellationToken.None);
        }

        var lines = result.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length < 2 || !uint.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            throw Unreachable("its shell does not return the user id", null);
        }

        var sudo = lines.ElementAtOrDefault(2)?.Trim() ?? "it printed no error message";
        return new HostUser(id, lines[1], id == 0 || sudo == "yes" ? null : sudo, sudo != "missing");
    }

    private void RequireSudo(bool asRoot)
    {
        if (asRoot && User is { SudoError: { } sudoError } current)
        {
            throw current.HasSudo
                ? SudoRefused(sudoError, current.HostName)
                : HostProgram.Missing("sudo", current.HostName, "it is not installed, and the ssh user is not root");
        }
    }

    private HostResult RunOnce(HostQuery query, bool asRoot, bool isQuery, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Interlocked.Increment(ref roundTrips);
        var worker = TakeIdle(asRoot, out var lossesBefore) ?? new SshWorker(StartSession(HostQuery.Worker, ["worker"], asRoot));
        var isKept = false;
        using var timer = isQuery ? new Timer(_ => worker.TimeOut(), null, QueryTimeout, Timeout.InfiniteTimeSpan) : null;
        try
        {
            var result = worker.Run(query, cancellation);
            cancellation.ThrowIfCancellationRequested();
            if (result is null)
            {
                if (worker.HasTimedOut)
                {
                    throw TimedOut();
                }

                if (worker.HasReplied)
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
            return result;
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
            DetectLoss();
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

    /// <summary>Closes sessions that were not used for a while.</summary>
    private void Sweep()
    {
        lock (idle)
        {
            DetectLoss();
            DropIdle(worker => worker.IdleSince + KeepFor < DateTime.UtcNow);
            if (idle.Count == 0)
            {
                sweep.Change(Timeout.Infinite, Timeout.Infinite);
            }
        }
    }

    /// <summary>Checks whether an idle session has ended.</summary>
    private void DetectLoss()
    {
        if (idle.Exists(kept => kept.Worker.HasEnded))
        {
            DropLost();
        }
    }

    /// <summary>
    /// Closes the idle sessions after one session was lost: they probably used the same connection, even if they have not detected the loss.
    /// A change is not repeated, so it must not be sent through one of them.
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
            shared = sessions.FindIndex(count => count < MaxSessionsPerConnection);
            if (shared < 0)
            {
                shared = sessions.Count;
                sessions.Add(0);
            }

            sessions[shared]++;
        }

        // setsid: Ctrl+C at the terminal must not end the connection, which the freeze guard needs.
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

    /// <summary>The control socket of a shared connection. Each combination of program, key and host key options has its own.</summary>
    internal string? ControlPath(int shared)
    {
        try
        {
            var options = $"{address.Program}\0{address.KeyFile}\0{address.KnownHostsFile}\0{address.HostKeyChecking}";
            var hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(options)));
            var folder = PrivateFolder.Open().Replace("%", "%%", StringComparison.Ordinal);

            // %C is replaced by 40 characters for host, port and user. While ssh creates the socket, its name is 17 characters longer.
            var path = Path.Combine(folder, $"ssh-{hash[..8]}{shared}-%C");
            return path.Length - 2 + 40 + 17 <= LongestSocketPath ? path : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The connection is then not shared, which is slower.
            return null;
        }
    }
}

/// <summary>The user on another host.</summary>
/// <param name="Id">The user id.</param>
/// <param name="HostName">The name that the host reports.</param>
/// <param name="SudoError">Why sudo fails; null if it works or is not needed.</param>
/// <param name="HasSudo">Whether sudo is installed.</param>
internal sealed record HostUser(uint Id, string HostName, string? SudoError, bool HasSudo)
{
    public bool IsRoot => Id == 0;
}
