using System.Globalization;

namespace VirtSnapshot.Hosts;

/// <summary>Reads what <c>open-files.sh</c> tells of another host.</summary>
internal static class HostOpenFiles
{
    /// <param name="host">The host's name.</param>
    /// <param name="fields">The script's words.</param>
    /// <param name="stat">The facts about a path there, through links.</param>
    /// <exception cref="VirtSnapshotException"><c>ProgramMissing</c>: it could not look, which must not be taken for nobody.</exception>
    public static OpenFiles Parse(string host, IReadOnlyList<string> fields, Func<string, FileFacts?> stat)
    {
        var files = new List<((ulong Device, ulong Inode) File, int ProcessId)>();
        var arguments = new Dictionary<int, List<string>>();
        var devices = new List<((ulong Device, ulong Inode) File, FileUser User)>();
        for (var i = 0; i + 1 < fields.Count; i++)
        {
            switch (fields[i])
            {
                case "f" when fields[i += 2].Split(' ') is [var device, var inode]:
                    files.Add(((FileFacts.DeviceOf(ulong.Parse(device, CultureInfo.InvariantCulture)), ulong.Parse(inode, CultureInfo.InvariantCulture)), ProcessOf(fields[i - 1])));
                    break;
                case "b" when fields[i += 2].Split(' ') is [var major, var minor]:
                    files.Add(((ulong.MaxValue, FileFacts.RawDeviceOf(major, minor)), ProcessOf(fields[i - 1])));
                    break;
                case "l":
                    i += 2;
                    devices.Add((FileFacts.Parse(fields[i]).Identity, new FileUser(0, fields[i - 1])));
                    break;
                case "a":
                    i++;
                    var colon = fields[i].IndexOf(':', StringComparison.Ordinal);
                    var id = int.Parse(fields[i].AsSpan(0, fields[i].IndexOf('/', StringComparison.Ordinal)), CultureInfo.InvariantCulture);
                    (arguments.TryGetValue(id, out var known) ? known : arguments[id] = []).Add(fields[i][(colon + 1)..]);
                    break;
                default:
                    throw new IOException($"The list of open files of host '{host}' cannot be understood.");
            }
        }

        // The script itself has a file open.
        if (files.Count == 0)
        {
            throw HostProgram.Missing("find", host, "it does not tell who has files open, as GNU find does");
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
    private static int ProcessOf(string descriptor) => int.Parse(descriptor.Split('/')[2], CultureInfo.InvariantCulture);
}
