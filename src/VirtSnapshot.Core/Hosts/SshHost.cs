using System.Collections.Concurrent;
using System.Globalization;
using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>
/// A remote host, reached over ssh. The files of the system hypervisor belong to root, so another user accesses them through
/// <c>sudo -n</c>; the files of a session hypervisor (<c>/session</c>) belong to that user. Freeze guards use only libvirt and need no sudo.
/// </summary>
internal sealed class SshHost(SshConnection connection, string hypervisorUri, bool isSession) : IHost
{
    // Linux limits one argument to 128 KiB, and the whole command is one argument of the remote shell. Quoting may need four bytes for one.
    private const int MaxPathBytes = 24 * 1024;

    private readonly ConcurrentDictionary<string, FileQueryResult> cache = new(StringComparer.Ordinal);
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
        var fresh = paths.Where(path => !cache.ContainsKey(path)).Distinct(StringComparer.Ordinal).ToList();
        if (fresh.Count == 0)
        {
            return null;
        }

        foreach (var part in InParts(fresh))
        {
            foreach (var (path, cached) in FileQueryResult.Parse(QueryScript("query-files.sh", part).Output, part))
            {
                cache.TryAdd(path, cached);
            }
        }

        return new ReadAheadScope(() => fresh.ForEach(path => cache.TryRemove(path, out _)));
    }

    public FileFacts? Stat(string path, bool followLink = false)
    {
        if (cache.TryGetValue(path, out var cached) && (followLink ? cached.IsTargetKnown : cached.IsEntryKnown))
        {
            return followLink ? cached.Target : cached.Entry;
        }

        string[] follow = followLink ? ["-L"] : [];
        var result = Query("stat", [.. follow, "-c", FileFacts.StatFormat, "--", path]);
        return result.Succeeded ? FileFacts.Parse(result.Text.Trim())
            : ToolError.IsNothingThere(result.Errors) ? null
            : throw Failure(path, result);
    }

    public long FreeSpace(string path)
    {
        if (cache.TryGetValue(path, out var cached) && cached.FreeBytes is { } known)
        {
            return known;
        }

        var result = Query("stat", ["-f", "-c", "%a %S", "--", path]);
        return result.Succeeded
            ? FileQueryResult.TryParseFreeBytes(result.Text.Trim())
                ?? throw new IOException($"{path}: the output of 'stat -f' cannot be parsed: '{result.Text.Trim()}'")
            : throw Failure(path, result);
    }

    public bool CanWriteTo(string directory) => cache.TryGetValue(directory, out var cached) && cached.IsWritable is { } known
        ? known
        : Query("test", ["-w", directory, "-a", "-x", directory]).Succeeded;

    public byte[] ReadHead(string path, int count)
    {
        // A cached head that is shorter than the maximum is the whole file.
        if (cache.TryGetValue(path, out var cached)
            && cached.Head is { } head
            && (count <= head.Length || head.Length < FileQueryResult.HeadLength))
        {
            return head[..Math.Min(count, head.Length)];
        }

        var result = Query("head", ["-c", count.ToString(CultureInfo.InvariantCulture), "--", path]);
        return result.Succeeded ? result.Output : throw Failure(path, result);
    }

    public IReadOnlyList<string> ListFiles(string directory)
    {
        var result = QueryScript("list-files.sh", [directory]);
        return result.Succeeded ? [.. result.Fields.Where(name => name.Length > 0).Select(name => Path.Combine(directory, name))] : [];
    }

    public void CreateFile(string path, ReadOnlySpan<byte> content, FileFacts? accessOf)
    {
        const int ownerOnly = 0x180; // 0600
        const int groupAccess = 0x30; // 0060
        string[] others = accessOf is null ? [] : [$"{accessOf.Owner}", $"{accessOf.Group}", Convert.ToString(ownerOnly | (accessOf.Mode & groupAccess), 8)];
        var result = Change("create-file.sh", [path, $"{content.Length}", .. others], FilesNeedRoot, content.ToArray());
        cache.TryRemove(path, out _);
        if (!result.Succeeded)
        {
            throw Failure(path, result);
        }
    }

    public void SyncDirectory(string path)
    {
        // Not a query: a sync may exceed the time limit of queries on a busy disk.
        var result = Change("run.sh", ["sync", "--", path], FilesNeedRoot);
        RefuseMissing("sync", result);
        if (!result.Succeeded)
        {
            throw Failure(path, result);
        }
    }

    public void Delete(string path)
    {
        var result = Change("run.sh", ["rm", "-f", "--", path], FilesNeedRoot);
        cache.TryRemove(path, out _);
        if (!result.Succeeded)
        {
            throw Failure(path, result);
        }
    }

    public OpenFiles ReadOpenFiles() => HostOpenFiles.Parse(Name, QueryScript("open-files.sh", []).Fields, TryStat);

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
        cache.Clear();
        var result = Change(cancellation.CanBeCanceled ? "run-stoppable.sh" : "run.sh", [program, .. arguments], asRoot, cancellation: cancellation);
        RefuseMissing(program, result);
        return new ProgramResult(program, result.ExitCode, result.Text, result.Errors);
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
        var result = QueryScript("run.sh", [program, .. arguments]);
        RefuseMissing(program, result);
        return result;
    }

    private HostResult QueryScript(string script, IReadOnlyList<string> arguments) =>
        connection.Run(script, arguments, FilesNeedRoot, isQuery: true);

    /// <summary>Runs a script that changes something. If a lock was lost, it is taken again first; if that fails, the script is not run.</summary>
    private HostResult Change(string script, IReadOnlyList<string> arguments, bool asRoot, byte[]? input = null, CancellationToken cancellation = default)
    {
        while (true)
        {
            var held = locks.Where(taken => taken.Holder is not null).Select(taken => (Lock: taken, Holder: taken.Holder!.Value)).ToList();
            var result = connection.Run(script, arguments, asRoot, input, [.. held.Select(taken => taken.Holder)], cancellation: cancellation);
            if (!result.IsLockLost)
            {
                return result;
            }

            held.ForEach(taken => taken.Lock.TakeAgain(taken.Holder));
        }
    }

    private void RefuseMissing(string program, HostResult result)
    {
        if (result.IsProgramMissing)
        {
            throw HostProgram.Missing(program, Name, "it is not installed");
        }
    }

    private static Exception Failure(string path, HostResult result) => ToolError.IsNoPermission(result.Errors)
        ? new UnauthorizedAccessException($"{path}: {result.ToolError}")
        : new IOException($"{path}: {result.ToolError}");

    private static IEnumerable<List<string>> InParts(List<string> paths)
    {
        var part = new List<string>();
        var length = 0;
        foreach (var path in paths)
        {
            var own = System.Text.Encoding.UTF8.GetByteCount(path) + 3;
            if (length + own > MaxPathBytes && part.Count > 0)
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
