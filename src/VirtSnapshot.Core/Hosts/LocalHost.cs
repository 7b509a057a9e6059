using System.Diagnostics;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>This machine.</summary>
internal sealed class LocalHost(string hypervisorUri) : IHost
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode GroupAccess = UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    public string Name => Environment.MachineName;

    public string HypervisorUri => hypervisorUri;

    public ProgramResult Run(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default)
    {
        using var process = HostProgram.Start(program, arguments);
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

    public ProgramResult RunAsRoot(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default)
    {
        if (Environment.IsPrivilegedProcess)
        {
            return Run(program, arguments, cancellation);
        }

        var result = Run("sudo", ["-n", "--", program, .. arguments], cancellation);
        return result.Errors.StartsWith($"sudo: {program}: command not found", StringComparison.Ordinal)
            ? throw HostProgram.Missing(program, Name, "root does not find it")
            : result.Errors.StartsWith("sudo:", StringComparison.Ordinal)
                ? throw HostProgram.SudoRefused(Name, Environment.UserName, result.Complaint)
                : result with { Program = program };
    }

    public IHostScript StartScript(string script, IReadOnlyList<string> arguments)
    {
        // setsid: a signal to our process group or the end of our terminal must not reach it.
        var process = HostProgram.Start("setsid", ["sh", "-c", script, .. arguments]);
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        return new LocalScript(process);
    }

    public IDisposable? ReadAhead(IEnumerable<string> paths) => null;

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

    public void CreateFile(string path, ReadOnlySpan<byte> content, FileFacts? like)
    {
        // O_CREAT|O_EXCL: fails where anything stands, a dangling link included.
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
            if (like is not null)
            {
                FileApi.ChangeOwner(file.SafeFileHandle, like.Owner, like.Group, path);
                File.SetUnixFileMode(file.SafeFileHandle, OwnerOnly | ((UnixFileMode)like.Mode & GroupAccess));
            }

            file.Flush(flushToDisk: true);
        }
        catch
        {
            Delete(path);
            throw;
        }
    }

    public void SyncDirectory(string path) => FileApi.SyncDirectory(path);

    public void Delete(string path) => File.Delete(path);

    public OpenFiles ReadOpenFiles() => new(
        ProcessFiles().Concat(LoopFiles()).ToLookup(found => found.File, found => (found.User, found.Arguments)),
        FileApi.TryStat);

    public IDisposable? TryLock(string name)
    {
        var own = TryLockOwn(name);
        return own is null || Environment.IsPrivilegedProcess || LibvirtUri.TryParse(hypervisorUri) is { IsSession: true }
            ? own
            : RootLock.TryAdd(own, name);
    }

    private static SafeFileHandle? TryLockOwn(string name)
    {
        var path = Path.Combine(PrivateFolder.Open(), name + ".lock");

        // Not a FileStream: it takes a lock of its own as it opens, and fails where somebody else has the file locked.
        var file = FileApi.OpenOrCreate(path, OwnerOnly);
        try
        {
            if (FileApi.TryLock(file, path))
            {
                return file;
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }

        file.Dispose();
        return null;
    }

    private static IEnumerable<((ulong Device, ulong Inode) File, FileUser User, IReadOnlyList<string> Arguments)> ProcessFiles() =>
        Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id != 0)
            .SelectMany(id =>
            {
                var files = ReadDescriptors(id);
                string[] arguments = files.Count == 0 ? [] : ReadCommandLine(id).Split('\0');
                return files.Select(file => (file, new FileUser(id, Path.GetFileName(arguments[0])), (IReadOnlyList<string>)arguments));
            });

    /// <summary>A file behind a loop device is held by the kernel, and in nobody's descriptors.</summary>
    private static IEnumerable<((ulong Device, ulong Inode) File, FileUser User, IReadOnlyList<string> Arguments)> LoopFiles()
    {
        foreach (var device in Directory.EnumerateDirectories("/sys/block", "loop*"))
        {
            var setting = Path.Combine(device, "loop", "backing_file");
            if (File.Exists(setting) && FileApi.TryStat(File.ReadAllText(setting).TrimEnd('\n')) is { } file)
            {
                yield return (file.Identity, new FileUser(0, $"/dev/{Path.GetFileName(device)}"), []);
            }
        }
    }

    private static List<(ulong Device, ulong Inode)> ReadDescriptors(int processId)
    {
        try
        {
            return
            [
                .. Directory.EnumerateFileSystemEntries($"/proc/{processId}/fd")
                    .Select(FileApi.TryStat)
                    .Where(file => file is { IsRegularFile: true } or { IsBlockDevice: true })
                    .Select(file => file!.Identity),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone meanwhile, or not ours to look into.
            return [];
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
