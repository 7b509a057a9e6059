using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>
/// The machine that a hypervisor runs on. Whatever touches that machine's files or programs goes through here, so that no
/// path of another machine is ever opened on this one. Arguments are lists; nothing is ever put into a shell's text. On another
/// machine everything may fail with <c>HostUnreachable</c>: then it is not known whether it was done.
/// </summary>
internal interface IHost
{
    /// <summary>The host's own name.</summary>
    string Name { get; }

    /// <summary>The libvirt URI under which scripts that are started here reach the hypervisor.</summary>
    string HypervisorUri { get; }

    /// <summary>Why nothing but libvirt leads to it, as the end of a sentence; null where its files and programs can be reached.</summary>
    string? WhyNoShell => null;

    /// <summary>Runs a program to its end, with <c>LC_ALL=C</c>, as the user who touches the hypervisor's files.</summary>
    /// <exception cref="VirtSnapshotException"><c>ProgramMissing</c>, naming the package; <c>SudoRefused</c>; <c>HostUnreachable</c>.</exception>
    ProgramResult Run(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default);

    /// <summary>Runs a program as root: through <c>sudo -n</c> where we are not.</summary>
    /// <exception cref="VirtSnapshotException"><c>ProgramMissing</c>, naming the package; <c>SudoRefused</c>; <c>HostUnreachable</c>.</exception>
    ProgramResult RunAsRoot(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default);

    /// <summary>Starts a shell script that outlives us: in a session of its own, with a pipe from and to us.</summary>
    IHostScript StartScript(string script, IReadOnlyList<string> arguments);

    /// <summary>
    /// Looks at many paths at once, where each look is a journey. Until the answer is disposed of, what <see cref="Stat"/>, <see cref="ReadHead"/>,
    /// <see cref="FreeSpace"/> and <see cref="CanWriteTo"/> say of them is of that moment, or of a later one. It changes nothing else: whoever
    /// needs the truth of this very moment asks without it.
    /// </summary>
    /// <returns>Null where there is nothing to gain.</returns>
    IDisposable? ReadAhead(IEnumerable<string> paths);

    /// <summary>Null where nothing stands. A link in the last part of the path is not followed unless asked for.</summary>
    FileFacts? Stat(string path, bool followLink = false);

    /// <summary>Free bytes for us in the file system of a directory or file.</summary>
    long FreeSpace(string path);

    /// <summary>Whether files can be made in a directory.</summary>
    bool CanWriteTo(string directory);

    /// <summary>The first bytes of a file, at most <paramref name="count"/>.</summary>
    byte[] ReadHead(string path, int count);

    /// <summary>The plain files in a directory, as full paths; none where it cannot be read.</summary>
    IReadOnlyList<string> ListFiles(string directory);

    /// <summary>
    /// Makes a new file that only its owner can read (and the group that may write <paramref name="like"/>). It is complete and on
    /// disk when this returns; its name is, after <see cref="SyncDirectory"/>.
    /// </summary>
    /// <exception cref="IOException">Something stands there already, be it a link to nothing, or it could not be made. Nothing is left behind.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written to.</exception>
    void CreateFile(string path, ReadOnlySpan<byte> content, FileFacts? like);

    /// <summary>Makes the names in a folder as durable as the files behind them.</summary>
    void SyncDirectory(string path);

    /// <summary>Removes a file; one that is gone already is fine.</summary>
    void Delete(string path);

    /// <summary>Looks who has which file open, as far as we may see.</summary>
    OpenFiles ReadOpenFiles();

    /// <summary>Takes a lock that ends with this process, or our connection to the host, at the latest; null where somebody else holds it.</summary>
    /// <exception cref="IOException">The lock's file cannot be made.</exception>
    IDisposable? TryLock(string name);
}

/// <summary>A script that runs beside us. Disposing of it closes its input and leaves it running.</summary>
internal interface IHostScript : IDisposable
{
    /// <summary>Its process on the machine that it runs on; 0 where that has not told it.</summary>
    int ProcessId { get; }

    /// <summary>The machine that it runs on.</summary>
    string HostName { get; }

    /// <summary>Writes a line to the script's input.</summary>
    /// <exception cref="IOException">The script is gone.</exception>
    void WriteLine(string line);

    /// <summary>The next line of the script's output; null when it ended, was let go, or the time is over.</summary>
    string? ReadLine(TimeSpan time);
}

/// <summary>How a program ended, and what it said.</summary>
internal sealed record ProgramResult(string Program, int ExitCode, string Output, string Errors)
{
    public bool Succeeded => ExitCode == 0;

    /// <summary>One line to put into an error.</summary>
    public string ToolError
    {
        get
        {
            var said = string.Join(' ', Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
            return said.Length == 0 ? $"{Program} ended with exit code {ExitCode} and said nothing" : said;
        }
    }
}
