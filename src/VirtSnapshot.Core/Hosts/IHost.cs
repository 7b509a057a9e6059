using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>
/// The machine that runs a hypervisor. All access to its files and programs goes through this interface, so that a path of another
/// machine is never opened on this one. Arguments are lists and are never inserted into shell text. On another machine every call may
/// fail with <c>HostUnreachable</c>; it is unknown then whether it took effect.
/// </summary>
public interface IHost
{
    /// <summary>The host name.</summary>
    string Name { get; }

    /// <summary>The libvirt URI with which scripts started by this host reach the hypervisor.</summary>
    string HypervisorUri { get; }

    /// <summary>Why only libvirt reaches the host, as a clause for a message; null if its files and programs are accessible.</summary>
    string? WhyNoShell => null;

    /// <summary>Runs a program to its end, with <c>LC_ALL=C</c>, as the user who accesses the hypervisor's files.</summary>
    /// <exception cref="VirtSnapshotException"><c>ProgramMissing</c>, naming the package; <c>SudoRefused</c>; <c>HostUnreachable</c>.</exception>
    ProgramResult Run(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default);

    /// <summary>Runs a program as root, through <c>sudo -n</c> if necessary.</summary>
    /// <exception cref="VirtSnapshotException"><c>ProgramMissing</c>, naming the package; <c>SudoRefused</c>; <c>HostUnreachable</c>.</exception>
    ProgramResult RunAsRoot(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default);

    /// <summary>Starts a shell script that survives this process: in a session of its own, with pipes for its stdin and stdout.</summary>
    IHostScript StartScript(string script, IReadOnlyList<string> arguments);

    /// <summary>
    /// Queries many paths in one round trip and caches the results. Until the returned object is disposed of, <see cref="Stat"/>,
    /// <see cref="ReadHead"/>, <see cref="FreeSpace"/> and <see cref="CanWriteTo"/> may return cached results for these paths. A caller that
    /// needs the current state does not use it.
    /// </summary>
    /// <returns>Null if there is nothing to cache.</returns>
    IDisposable? ReadAhead(IEnumerable<string> paths);

    /// <summary>The attributes of a file; null if it does not exist. A link in the last part of the path is not followed by default.</summary>
    FileFacts? Stat(string path, bool followLink = false);

    /// <summary>The bytes available to the user in the file system of a directory or file.</summary>
    long FreeSpace(string path);

    /// <summary>Whether files can be created in a directory.</summary>
    bool CanWriteTo(string directory);

    /// <summary>The first bytes of a file, at most <paramref name="count"/>.</summary>
    byte[] ReadHead(string path, int count);

    /// <summary>The files in a directory, as full paths; empty if it cannot be read.</summary>
    IReadOnlyList<string> ListFiles(string directory);

    /// <summary>
    /// Creates a new file that only its owner can access, and the group if it has access to <paramref name="accessOf"/>. Its content is flushed to
    /// disk; its name is after <see cref="SyncDirectory"/>.
    /// </summary>
    /// <exception cref="IOException">The path exists, also as a dangling link, or the file cannot be created. No file is left.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder is not writable.</exception>
    void CreateFile(string path, ReadOnlySpan<byte> content, FileFacts? accessOf);

    /// <summary>Flushes a folder's entries to disk.</summary>
    void SyncDirectory(string path);

    /// <summary>Deletes a file. A missing file is no error.</summary>
    void Delete(string path);

    /// <summary>Lists which processes have which files open, as far as the user may see them.</summary>
    OpenFiles ReadOpenFiles();

    /// <summary>Takes a lock. It ends at the latest with this process or its connection to the host. Null if another run holds it.</summary>
    /// <exception cref="IOException">The lock file cannot be created.</exception>
    IDisposable? TryLock(string name);
}

/// <summary>A script that runs in the background. Disposing of it closes its stdin and leaves it running.</summary>
public interface IHostScript : IDisposable
{
    /// <summary>Its process id on the machine that it runs on; 0 if not yet known.</summary>
    int ProcessId { get; }

    /// <summary>The machine that it runs on.</summary>
    string HostName { get; }

    /// <summary>Writes a line to the script's stdin.</summary>
    /// <exception cref="IOException">The script has ended.</exception>
    void WriteLine(string line);

    /// <summary>Reads the next line of the script's stdout; null if it has ended, was disposed of, or the time is over.</summary>
    string? ReadLine(TimeSpan time);
}

/// <summary>Exit code, stdout and stderr of a program.</summary>
public sealed record ProgramResult(string Program, int ExitCode, string Output, string Errors)
{
    /// <summary>The program.</summary>
    public string Program { get; internal init; } = Program;

    /// <summary>0 where it succeeded.</summary>
    public int ExitCode { get; internal init; } = ExitCode;

    /// <summary>stdout.</summary>
    public string Output { get; internal init; } = Output;

    /// <summary>stderr.</summary>
    public string Errors { get; internal init; } = Errors;

    /// <summary>Whether the exit code is 0.</summary>
    public bool Succeeded => ExitCode == 0;

    /// <summary>stderr as one line, for error messages.</summary>
    public string ToolError
    {
        get
        {
            var line = string.Join(' ', Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
            return line.Length == 0 ? $"{Program} ended with exit code {ExitCode} and no error message" : line;
        }
    }
}
