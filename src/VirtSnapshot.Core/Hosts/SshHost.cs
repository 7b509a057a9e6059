using System.Collections.Concurrent;
using System.Globalization;
using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>
/// Another machine, reached over ssh. The hypervisor of the system has its files as root, so whoever is not root there goes through
/// <c>sudo -n</c> to them; a user's own hypervisor (<c>/session</c>) has them as that user. Guards talk to libvirt alone and stay who we are.
/// </summary>
internal sealed class SshHost(SshConnection connection, string hypervisorUri, bool isSession) : IHost
{
    // Below what Linux takes as one argument (128 KiB), which the whole command is for the shell over there; each quote may become four.
    private const int MostPathText = 24 * 1024;

    private readonly ConcurrentDictionary<string, FileQueryResult> looks = new(StringComparer.Ordinal);
    private readonly ConcurrentBag<SshLock> locks = [];

    public string Name => connection.User.HostName;

    public string HypervisorUri => hypervisorUri;

    private bool FilesNeedRoot => !isSession && !connection.User.IsRoot;

    public ProgramResult Run(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) =>
        Run(program, arguments, FilesNeedRoot, cancellation);

    public ProgramResult RunAsRoot(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) =>
        Run(program, arguments, !connection.User.IsRoot, cancellation);

    public IHostScript StartScript(string script, IReadOnlyList<string> arguments) => connection.Start(script, arguments, asRoot: false);

    public IDisposable? ReadAhead(IEnumerable<string> paths)
    {
        var fresh = paths.Where(path => !looks.ContainsKey(path)).Distinct(StringComparer.Ordinal).ToList();
        if (fresh.Count == 0)
        {
            return null;
        }

        foreach (var part in InParts(fresh))
        {
            foreach (var (path, look) in FileQueryResult.Parse(Ask("query-files.sh", part).Output, part))
            {
                looks.TryAdd(path, look);
            }
        }

        return new ReadAheadScope(() => fresh.ForEach(path => looks.TryRemove(path, out _)));
    }

    public FileFacts? Stat(string path, bool followLink = false)
    {
        if (looks.TryGetValue(path, out var look) && (followLink ? look.IsTargetKnown : look.IsEntryKnown))
        {
            return followLink ? look.Target : look.Entry;
        }

        string[] follow = followLink ? ["-L"] : [];
        var answer = Query("stat", [.. follow, "-c", FileFacts.StatFormat, "--", path]);
        return answer.Succeeded ? FileFacts.Parse(answer.Text.Trim())
            : ToolError.IsNothingThere(answer.Errors) ? null
            : throw Failure(path, answer);
    }

    public long FreeSpace(string path)
    {
        if (looks.TryGetValue(path, out var look) && look.FreeBytes is { } known)
        {
            return known;
        }

        var answer = Query("stat", ["-f", "-c", "%a %S", "--", path]);
        return answer.Succeeded
            ? FileQueryResult.TryParseFreeBytes(answer.Text.Trim()) ?? throw new IOException($"{path}: what 'stat' says of its file system cannot be understood.")
            : throw Failure(path, answer);
    }

    public bool CanWriteTo(string directory) => looks.TryGetValue(directory, out var look) && look.IsWritable is { } known
        ? known
        : Query("test", ["-w", directory, "-a", "-x", directory]).Succeeded;

    public byte[] ReadHead(string path, int count)
    {
        // What is shorter than all that was read ahead is known as a whole.
        if (looks.TryGetValue(path, out var look) && look.Head is { } head && (count <= head.Length || head.Length < FileQueryResult.HeadLength))
        {
            return head[..Math.Min(count, head.Length)];
        }

        var answer = Query("head", ["-c", count.ToString(CultureInfo.InvariantCulture), "--", path]);
        return answer.Succeeded ? answer.Output : throw Failure(path, answer);
    }

    public IReadOnlyList<string> ListFiles(string directory)
    {
        var answer = Ask("list-files.sh", [directory]);
        return answer.Succeeded ? [.. answer.Fields.Where(name => name.Length > 0).Select(name => Path.Combine(directory, name))] : [];
    }

    public void CreateFile(string path, ReadOnlySpan<byte> content, FileFacts? like)
    {
        const int ownerOnly = 0x180; // 0600
        const int groupAccess = 0x30; // 0060
        string[] others = like is null ? [] : [$"{like.Owner}", $"{like.Group}", Convert.ToString(ownerOnly | (like.Mode & groupAccess), 8)];
        var answer = Change("create-file.sh", [path, $"{content.Length}", .. others], FilesNeedRoot, content.ToArray());
        looks.TryRemove(path, out _);
        if (!answer.Succeeded)
        {
            throw Failure(path, answer);
        }
    }

    public void SyncDirectory(string path)
    {
        // No look: on a busy disk it may take its time.
        var answer = Change("run.sh", ["sync", "--", path], FilesNeedRoot);
        RefuseMissing("sync", answer);
        if (!answer.Succeeded)
        {
            throw Failure(path, answer);
        }
    }

    public void Delete(string path)
    {
        var answer = Change("run.sh", ["rm", "-f", "--", path], FilesNeedRoot);
        looks.TryRemove(path, out _);
        if (!answer.Succeeded)
        {
            throw Failure(path, answer);
        }
    }

    public OpenFiles ReadOpenFiles() => HostOpenFiles.Parse(Name, Ask("open-files.sh", []).Fields, TryStat);

    public IDisposable? TryLock(string name)
    {
        var taken = SshLock.TryTake(connection, name, FilesNeedRoot || (!isSession && connection.User.IsRoot));
        if (taken is not null)
        {
            locks.Add(taken);
        }

        return taken;
    }

    private ProgramResult Run(string program, IReadOnlyList<string> arguments, bool asRoot, CancellationToken cancellation)
    {
        looks.Clear();
        var answer = Change(cancellation.CanBeCanceled ? "run-stoppable.sh" : "run.sh", [program, .. arguments], asRoot, cancellation: cancellation);
        RefuseMissing(program, answer);
        return new ProgramResult(program, answer.ExitCode, answer.Text, answer.Errors);
    }

    private FileFacts? TryStat(string path)
    {
        try
        {
            return Stat(path, followLink: true);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Runs a program that changes nothing.</summary>
    private HostResult Query(string program, IReadOnlyList<string> arguments)
    {
        var answer = Ask("run.sh", [program, .. arguments]);
        RefuseMissing(program, answer);
        return answer;
    }

    private HostResult Ask(string script, IReadOnlyList<string> arguments) =>
        connection.Ask(script, arguments, FilesNeedRoot, isQuery: true);

    /// <summary>Whoever has locked something and lost the lock must not change anything: then it is taken again, or not done.</summary>
    private HostResult Change(string script, IReadOnlyList<string> arguments, bool asRoot, byte[]? input = null, CancellationToken cancellation = default)
    {
        while (true)
        {
            var held = locks.Where(taken => taken.Holder is not null).Select(taken => (Lock: taken, Holder: taken.Holder!.Value)).ToList();
            var answer = connection.Ask(script, arguments, asRoot, input, [.. held.Select(taken => taken.Holder)], cancellation: cancellation);
            if (!answer.IsLockLost)
            {
                return answer;
            }

            held.ForEach(taken => taken.Lock.TakeAgain(taken.Holder));
        }
    }

    private void RefuseMissing(string program, HostResult answer)
    {
        if (answer.IsProgramMissing)
        {
            throw HostProgram.Missing(program, Name, "it is not there");
        }
    }

    private static Exception Failure(string path, HostResult answer) => ToolError.IsNoPermission(answer.Errors)
        ? new UnauthorizedAccessException($"{path}: {answer.ToolError}")
        : new IOException($"{path}: {answer.ToolError}");

    private static IEnumerable<List<string>> InParts(List<string> paths)
    {
        var part = new List<string>();
        var length = 0;
        foreach (var path in paths)
        {
            var own = System.Text.Encoding.UTF8.GetByteCount(path) + 3;
            if (length + own > MostPathText && part.Count > 0)
            {
                yield return part;
                part = [];
                length = 0;
            }

            part.Add(path);
            length += own;
        }

        yield return part;
    }

    private sealed class ReadAheadScope(Action forget) : IDisposable
    {
        public void Dispose() => forget();
    }
}
