using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>The open files of a host at one moment, with their users. Processes that are not accessible are missing.</summary>
public sealed class OpenFiles
{
    private readonly ILookup<(ulong Device, ulong Inode), (FileUser User, IReadOnlyList<string> Arguments)> users;
    private readonly Func<string, FileFacts?> stat;

    /// <param name="users">The users of each file, with their command-line arguments.</param>
    /// <param name="stat">Returns the attributes of a path, with links followed.</param>
    internal OpenFiles(ILookup<(ulong Device, ulong Inode), (FileUser User, IReadOnlyList<string> Arguments)> users, Func<string, FileFacts?> stat)
    {
        this.users = users;
        this.stat = stat;
    }

    /// <summary>The users of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="exceptQemuOf">A domain whose QEMU process is left out.</param>
    public IReadOnlyList<FileUser> FindUsers(string path, Guid? exceptQemuOf = null) => stat(path) is { } facts
        ?
        [
            .. users[facts.Identity]
                .Where(found => exceptQemuOf is not { } domain || !IsQemuOf(domain, found.Arguments))
                .Select(found => found.User)
                .Distinct(),
        ]
        : [];

    /// <summary>
    /// The users of all files in the file system or subvolume whose root is the given directory; empty for other directories.
    /// </summary>
    public IReadOnlyList<FileUser> FindUsersWithin(string root) =>
        stat(root) is { IsDirectory: true } facts && stat(Path.GetDirectoryName(root) ?? root) is { } parent && parent.Device != facts.Device
            ? [.. users.Where(file => file.Key.Device == facts.Device).SelectMany(file => file).Select(found => found.User).Distinct()]
            : [];

    /// <summary>libvirt starts QEMU with <c>-uuid UUID</c>. A UUID in a path is no proof.</summary>
    private static bool IsQemuOf(Guid domain, IReadOnlyList<string> arguments) =>
        arguments.Zip(arguments.Skip(1)).Any(pair => pair.First == "-uuid" && Guid.TryParse(pair.Second, out var uuid) && uuid == domain);
}

/// <summary>The user of an open file: a process, or the kernel through a loop device (process id 0).</summary>
public sealed record FileUser(int ProcessId, string Program)
{
    /// <summary>0 for the kernel.</summary>
    public int ProcessId { get; internal init; } = ProcessId;

    /// <summary>The name of its program; of a loop device, which one it is.</summary>
    public string Program { get; internal init; } = Program;

    /// <inheritdoc/>
    public override string ToString() => ProcessId == 0 ? Program : $"{Program} (process {ProcessId})";
}
