using System.Globalization;
using System.Text.RegularExpressions;
using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>Parses the output of <c>open-files.sh</c>.</summary>
internal static partial class HostOpenFiles
{
    /// <param name="host">The host's name.</param>
    /// <param name="fields">The fields of the script's output.</param>
    /// <param name="stat">Returns the attributes of a path on the host, with links followed.</param>
    /// <exception cref="VirtSnapshotException"><c>ProgramMissing</c>: GNU find is missing, so the list is empty although files are open.</exception>
    /// <exception cref="IOException">The output has another format.</exception>
    public static OpenFiles Parse(string host, IReadOnlyList<string> fields, Func<string, FileFacts?> stat)
    {
        var files = new List<((ulong Device, ulong Inode) File, int ProcessId)>();
        var arguments = new Dictionary<int, List<string>>();
        var devices = new List<((ulong Device, ulong Inode) File, FileUser User)>();
        for (var i = 0; i + 1 < fields.Count; i++)
        {
            switch (fields[i])
            {
                case "f" when ProcessOf(fields[i + 1]) is { } process && Third(i).Split(' ') is [var device, var inode]
                    && FileFacts.Number(device) is { } packed && FileFacts.Number(inode) is { } number:
                    files.Add(((FileFacts.DeviceOf(packed), number), process));
                    i += 2;
                    break;
                case "b" when ProcessOf(fields[i + 1]) is { } process && Third(i).Split(' ') is [var major, var minor]
                    && FileFacts.RawDeviceOf(major, minor) is { } raw:
                    files.Add(((ulong.MaxValue, raw), process));
                    i += 2;
                    break;
                case "l" when FileFacts.TryParse(Third(i)) is { } file:
                    devices.Add((file.Identity, new FileUser(0, fields[i + 1])));
                    i += 2;
                    break;
                case "a" when ArgumentPattern().Match(fields[i + 1]) is { Success: true } argument
                    && Id(argument.Groups["id"].Value) is { } id:
                    (arguments.TryGetValue(id, out var known) ? known : arguments[id] = []).Add(argument.Groups["text"].Value);
                    i++;
                    break;
                default:
                    throw new IOException($"The list of open files of host '{host}' cannot be parsed.");
            }
        }

        string Third(int at) => at + 2 < fields.Count ? fields[at + 2] : "";

        // The script itself has a file open, so the list is never empty.
        if (files.Count == 0)
        {
            throw HostProgram.Missing("find", host, "it does not list open files as GNU find does");
        }

        return new OpenFiles(
            files.Select(found => (found.File, UserOf(found.ProcessId), Arguments: ArgumentsOf(found.ProcessId)))
                .Concat(devices.Select(found => (found.File, found.User, Arguments: (IReadOnlyList<string>)[])))
                .ToLookup(found => found.File, found => (found.Item2, found.Arguments)),
            stat);

        FileUser UserOf(int id) => new(id, Path.GetFileName(ArgumentsOf(id) is [var program, ..] ? program : ""));

        IReadOnlyList<string> ArgumentsOf(int id) => arguments.TryGetValue(id, out var known) ? known : [];
    }

    /// <summary>From <c>/proc/PID/fd/N</c>.</summary>
    private static int? ProcessOf(string descriptor) => descriptor.Split('/') is [_, _, var id, ..] ? Id(id) : null;

    private static int? Id(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;

    [GeneratedRegex(@"^(?<id>[0-9]+)/[^:]*:(?<text>.*)\z", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex ArgumentPattern();
}
