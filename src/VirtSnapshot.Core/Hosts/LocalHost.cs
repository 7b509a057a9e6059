using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>This machine.</summary>
internal sealed class LocalHost : IHost
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public string Name => Environment.MachineName;

    public ProgramResult Run(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default)
    {
        using var process = Start(program, arguments);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        using (cancellation.Register(static process => Kill((Process)process!), process))
        {
            process.WaitForExit();
        }

        cancellation.ThrowIfCancellationRequested();
        return new ProgramResult(program, process.ExitCode, output.Result, errors.Result);
    }

    public IHostScript StartScript(string script, IReadOnlyList<string> arguments)
    {
        // setsid: a signal to our process group or the end of our terminal must not reach it.
        var process = Start("setsid", ["sh", "-c", script, .. arguments]);
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        return new LocalScript(process);
    }

    public FileFacts? Stat(string path, bool followLink = false) => FileApi.Stat(path, followLink);

    public long FreeSpace(string directory) => new DriveInfo(directory).AvailableFreeSpace;

    public bool CanWriteTo(string directory) => FileApi.CanWriteTo(directory);

    public byte[] ReadHead(string path, int count)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var head = new byte[count];
        return head[..RandomAccess.Read(file, head, 0)];
    }

    public IReadOnlyList<string> ListFiles(string directory)
    {
        try
        {
            return Directory.GetFiles(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    public ProgramResult CreateFile(
        string path, FileFacts? ownerLike, string program, Func<string, IReadOnlyList<string>> arguments)
    {
        // O_CREAT|O_EXCL: fails where anything stands, a dangling link included.
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            UnixCreateMode = OwnerOnly,
            BufferSize = 0,
        };
        using var file = new FileStream(path, options);
        try
        {
            var thisInode = string.Create(
                CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{file.SafeFileHandle.DangerousGetHandle()}");
            var result = Run(program, arguments(thisInode));
            if (!result.Succeeded)
            {
                Delete(path);
                return result;
            }

            if (ownerLike is not null)
            {
                FileApi.ChangeOwner(file.SafeFileHandle, ownerLike.Owner, ownerLike.Group, path);
            }

            file.Flush(flushToDisk: true);
            FileApi.SyncDirectory(Path.GetDirectoryName(path)!);
            return result;
        }
        catch
        {
            Delete(path);
            throw;
        }
    }

    public void Delete(string path) => File.Delete(path);

    public IReadOnlyList<FileUser> FindUsers(string path, string? exceptWith)
    {
        if (Stat(path, followLink: true) is not { } wanted)
        {
            return [];
        }

        return
        [
            .. Directory.EnumerateDirectories("/proc")
                .Select(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) ? id : 0)
                .Where(id => id != 0 && HasOpen(id, wanted))
                .Select(id => (Id: id, CommandLine: ReadCommandLine(id)))
                .Where(process => exceptWith is null || !process.CommandLine.Contains(exceptWith, StringComparison.Ordinal))
                .Select(process => new FileUser(process.Id, Path.GetFileName(process.CommandLine.Split('\0')[0]))),
        ];
    }

    public IDisposable? TryLock(string name)
    {
        var folder = LockFolder();
        try
        {
            // .NET takes flock(2) for FileShare.None: it ends with the process, however that ends.
            return new FileStream(Path.Combine(folder, name + ".lock"), new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = OwnerOnly,
            });
        }
        catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException))
        {
            return null;
        }
    }

    /// <summary>Root's locks lie where nobody else can put a link; a user's own in the folder that only he can write.</summary>
    private static string LockFolder()
    {
        var folder = Environment.IsPrivilegedProcess
            ? "/run/virtsnapshot"
            : Path.Combine(
                Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } own
                    ? own
                    : Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData),
                "virtsnapshot");
        Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
        return folder;
    }

    private static Process Start(string program, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["LC_ALL"] = "C";
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceUnavailable,
                "ProgramMissing",
                program,
                $"The program '{program}' cannot be started: {e.Message}. On Debian it is in the package '{PackageOf(program)}'.",
                e);
        }
    }

    private static string PackageOf(string program) => program switch
    {
        "qemu-img" => "qemu-utils",
        "virsh" => "libvirt-clients",
        "setsid" => "util-linux",
        _ => program,
    };

    private static bool HasOpen(int processId, FileFacts wanted)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries($"/proc/{processId}/fd")
                .Any(entry => FileApi.TryStat(entry)?.IsSameFileAs(wanted) == true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone meanwhile, or not ours to look into.
            return false;
        }
    }

    private static string ReadCommandLine(int processId)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
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
            // Ended by itself meanwhile.
        }
    }
}
