using System.Globalization;
using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>The open files of this machine.</summary>
internal sealed partial class LocalHost
{
    public OpenFiles ReadOpenFiles() => ReadAsRoot() ?? new(
        ProcessFiles().Concat(LoopFiles()).ToLookup(found => found.File, found => (found.User, found.Arguments)),
        FileApi.TryStat);

    /// <summary>Lists open files as root, since other users cannot see all processes. Null if there is no root access, or if it is not needed.</summary>
    private OpenFiles? ReadAsRoot() => MayBecomeRoot && TryAsRoot("sh", ["-c", HostScriptText.Read("open-files.sh")]) is { } result
        ? HostOpenFiles.Parse(Name, result.Output.Split('\0')[..^1], FileApi.TryStat)
        : null;

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

    /// <summary>A file behind a loop device is opened by the kernel, and by no process.</summary>
    private static IEnumerable<((ulong Device, ulong Inode) File, FileUser User, IReadOnlyList<string> Arguments)> LoopFiles()
    {
        foreach (var device in Directory.EnumerateDirectories("/sys/block", "loop*"))
        {
            var setting = Path.Combine(device, "loop", "backing_file");
            if (TryReadSetting(setting) is { } path && FileApi.TryStat(path) is { } file)
            {
                yield return (file.Identity, new FileUser(0, $"/dev/{Path.GetFileName(device)}"), []);
            }
        }
    }

    /// <summary>The backing file of a loop device; null if it has none. It may be detached at any time.</summary>
    private static string? TryReadSetting(string setting)
    {
        try
        {
            return File.Exists(setting) ? File.ReadAllText(setting).TrimEnd('\n') : null;
        }
        catch (IOException e) when (FileApi.IsGone(e))
        {
            return null;
        }
    }

    private static List<(ulong Device, ulong Inode)> ReadDescriptors(int processId)
    {
        try
        {
            return
            [
                .. Directory.EnumerateFileSystemEntries($"/proc/{processId}/fd").Append($"/proc/{processId}/cwd").Append($"/proc/{processId}/root")
                    .Select(FileApi.TryStat)
                    .Where(file => file is { IsRegularFile: true } or { IsBlockDevice: true } or { IsDirectory: true })
                    .Select(file => file!.Identity),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process has ended, or is not accessible.
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
}
