using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>Which files were open on a host at one moment, and by whom. What we may not look into is not in it.</summary>
/// <param name="users">The users of each file, with the arguments that they were started with.</param>
/// <param name="stat">The facts about a path, through links.</param>
internal sealed class OpenFiles(
    ILookup<(ulong Device, ulong Inode), (FileUser User, IReadOnlyList<string> Arguments)> users, Func<string, FileFacts?> stat)
{
    /// <param name="path">The file.</param>
    /// <param name="exceptQemuOf">A domain whose own QEMU does not count.</param>
    public IReadOnlyList<FileUser> FindUsers(string path, Guid? exceptQemuOf = null) => stat(path) is { } facts
        ?
        [
            .. users[facts.Identity]
                .Where(found => exceptQemuOf is not { } domain || !IsQemuOf(domain, found.Arguments))
                .Select(found => found.User)
                .Distinct(),
        ]
        : [];

    /// <summary>Who has any file open of the file system or subvolume whose root a directory is; nobody where it is an ordinary directory.</summary>
    public IReadOnlyList<FileUser> FindUsersWithin(string root) =>
        stat(root) is { IsDirectory: true } facts && stat(Path.GetDirectoryName(root) ?? root) is { } parent && parent.Device != facts.Device
            ? [.. users.Where(file => file.Key.Device == facts.Device).SelectMany(file => file).Select(found => found.User).Distinct()]
            : [];

    /// <summary>libvirt starts QEMU with <c>-uuid UUID</c>; a UUID in a path proves nothing.</summary>
    private static bool IsQemuOf(Guid domain, IReadOnlyList<string> arguments) =>
        arguments.Zip(arguments.Skip(1)).Any(pair => pair.First == "-uuid" && Guid.TryParse(pair.Second, out var uuid) && uuid == domain);
}

/// <summary>Who has a file open: a process, or the kernel through a loop device (which has no process).</summary>
internal sealed record FileUser(int ProcessId, string Program)
{
    public override string ToString() => ProcessId == 0 ? Program : $"{Program} (process {ProcessId})";
}
