using System.Diagnostics;
using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>
/// This machine. The system hypervisor's files belong to root: an access that is denied to another user is repeated through <c>sudo -n</c>.
/// </summary>
internal sealed partial class LocalHost(string hypervisorUri) : IHost
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode GroupAccess = UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    public string Name => Environment.MachineName;

    public string HypervisorUri => hypervisorUri;

    private bool MayBecomeRoot => !Environment.IsPrivilegedProcess && LibvirtUri.TryParse(hypervisorUri) is not { IsSession: true };

    public ProgramResult Run(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) =>
        Run(program, arguments, null, cancellation);

    public ProgramResult RunAsRoot(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) =>
        RunAsRoot(program, arguments, null, cancellation);

    // setsid: Ctrl+C at the terminal must not end the program, only this process may. sudo itself stays in the session, since it caches
    // credentials per terminal.
    private ProgramResult Run(string program, IReadOnlyList<string> arguments, byte[]? input, CancellationToken cancellation) =>
        RunToEnd(HostProgram.Start("setsid", [program, .. arguments]), program, input, "it is not installed", cancellation);

    private ProgramResult RunAsRoot(string program, IReadOnlyList<string> arguments, byte[]? input, CancellationToken cancellation)
    {
        if (Environment.IsPrivilegedProcess)
        {
            return Run(program, arguments, input, cancellation);
        }

        var sudo = HostProgram.Start("sudo", ["-n", "--", "setsid", "--wait", program, .. arguments]);
        var result = RunToEnd(sudo, program, input, "it is not in root's PATH", cancellation);
        return !result.Succeeded && result.Errors.StartsWith("sudo: ", StringComparison.Ordinal)
            ? throw HostProgram.SudoRefused(Name, Environment.UserName, result.ToolError)
            : result;
    }

    private ProgramResult RunToEnd(Process started, string program, byte[]? input, string whyMissing, CancellationToken cancellation)
    {
        using var process = started;
        Feed(process, input);
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        using (cancellation.Register(static process => Kill((Process)process!), process))
        {
            process.WaitForExit();
        }

        cancellation.ThrowIfCancellationRequested();
        return IsMissing(process.ExitCode, errors.Result)
            ? throw HostProgram.Missing(program, Name, whyMissing)
            : new ProgramResult(program, process.ExitCode, output.Result, errors.Result);
    }

    public IHostScript StartScript(string script, IReadOnlyList<string> arguments)
    {
        // setsid: signals to this process group, or the end of its terminal, must not end the script.
        var process = HostProgram.Start("setsid", ["sh", "-c", script, .. arguments]);
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        return new LocalScript(process);
    }

    public IDisposable? ReadAhead(IEnumerable<string> paths) => null;

    public FileFacts? Stat(string path, bool followLink = false)
    {
        string[] follow = followLink ? ["-L"] : [];
        return OrAsRoot(
            () => FileApi.Stat(path, followLink),
            "stat",
            [.. follow, "-c", FileFacts.StatFormat, "--", path],
            result => result.Succeeded ? FileFacts.Parse(result.Output.Trim())
                : ToolError.IsNothingThere(result.Errors) ? null
                : throw new IOException($"{path}: {result.ToolError}"));
    }

    public long FreeSpace(string path) => new DriveInfo(path).AvailableFreeSpace;

    public bool CanWriteTo(string directory) =>
        FileApi.CanWriteTo(directory) || (MayBecomeRoot && TryAsRoot("test", ["-w", directory, "-a", "-x", directory]) is { Succeeded: true });

    public byte[] ReadHead(string path, int count) => OrAsRoot(
        () =>
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var head = new byte[count];
            return head[..RandomAccess.Read(file, head, 0)];
        },
        "sh",
        ["-c", "head -c \"$1\" -- \"$2\" | base64 -w 0", "head", $"{count}", path],
        result => result.Succeeded && result.Errors.Length == 0
            ? Convert.FromBase64String(result.Output)
            : throw new IOException($"{path}: {result.ToolError}"));

    public IReadOnlyList<string> ListFiles(string directory)
    {
        try
        {
            return Directory.GetFiles(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return MayBecomeRoot && TryAsRoot("sh", ["-c", HostScriptText.Read("list-files.sh"), "sh", directory]) is { Succeeded: true } result
                ? [.. result.Output.Split('\0', StringSplitOptions.RemoveEmptyEntries).Select(name => Path.Combine(directory, name))]
                : [];
        }
    }

    public void CreateFile(string path, ReadOnlySpan<byte> content, FileFacts? accessOf)
    {
        var bytes = content.ToArray();
        string[] others = accessOf is null
            ? []
            : [$"{accessOf.Owner}", $"{accessOf.Group}", Convert.ToString(accessOf.Mode & (int)GroupAccess | (int)OwnerOnly, 8)];
        OrAsRoot(
            () => CreateOwnFile(path, bytes, accessOf),
            "sh",
            ["-c", HostScriptText.Read("create-file.sh"), "sh", path, $"{bytes.Length}", .. others],
            path,
            bytes);
    }

    public void SyncDirectory(string path) => OrAsRoot(() => FileApi.SyncDirectory(path), "sync", ["--", path], path);

    public void Delete(string path) => OrAsRoot(() => File.Delete(path), "rm", ["-f", "--", path], path);

    public IDisposable? TryLock(string name)
    {
        var own = FileLock.TryTake(Path.Combine(PrivateFolder.Open(), name + ".lock"));
        return own is null || !MayBecomeRoot ? own : RootLock.TryAdd(own, name);
    }

    private static bool IsMissing(int exitCode, string errors)
    {
        const int noSuchFile = 127;
        return exitCode == noSuchFile && errors.StartsWith("setsid: failed to execute", StringComparison.Ordinal);
    }

    private static void CreateOwnFile(string path, byte[] content, FileFacts? accessOf)
    {
        // O_CREAT|O_EXCL: fails if the path exists, also as a dangling link.
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            UnixCreateMode = OwnerOnly,
            BufferSize = 0,
        });
        try
        {
            file.Write(content);
            if (accessOf is not null)
            {
                FileApi.ChangeOwner(file.SafeFileHandle, accessOf.Owner, accessOf.Group, path);
                File.SetUnixFileMode(file.SafeFileHandle, OwnerOnly | ((UnixFileMode)accessOf.Mode & GroupAccess));
            }

            file.Flush(flushToDisk: true);
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Writes the program's stdin. If it ends early, its exit code and stderr show the cause.</summary>
    private static void Feed(Process process, byte[]? input)
    {
        try
        {
            if (input is not null)
            {
                process.StandardInput.BaseStream.Write(input);
            }

            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended.
        }
    }

    private void OrAsRoot(Action own, string program, IReadOnlyList<string> arguments, string path, byte[]? input = null) => OrAsRoot(
        () =>
        {
            own();
            return true;
        },
        program,
        arguments,
        result => result.Succeeded
            ? true
            : throw (ToolError.IsNoPermission(result.Errors)
                ? new UnauthorizedAccessException($"{path}: {result.ToolError}")
                : new IOException($"{path}: {result.ToolError}")),
        input);

    /// <summary>Makes an access as the current user; if it is denied, it is repeated through sudo, if sudo allows it.</summary>
    private T OrAsRoot<T>(Func<T> own, string program, IReadOnlyList<string> arguments, Func<ProgramResult, T> read, byte[]? input = null)
    {
        try
        {
            return own();
        }
        catch (Exception e) when (MayBecomeRoot && FileApi.IsDenied(e))
        {
            if (TryAsRoot(program, arguments, input) is { } result)
            {
                return read(result);
            }

            throw;
        }
    }

    /// <returns>Null if sudo does not allow it.</returns>
    private ProgramResult? TryAsRoot(string program, IReadOnlyList<string> arguments, byte[]? input = null)
    {
        try
        {
            return RunAsRoot(program, arguments, input, CancellationToken.None);
        }
        catch (VirtSnapshotException e) when (e.ErrorId is "SudoRefused" or "ProgramMissing")
        {
            return null;
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has already ended.
        }
    }
}
