namespace VirtSnapshot.Hosts;

/// <summary>A folder of this machine that nobody else can look or write into, gone after a restart: for locks and sockets.</summary>
internal static class PrivateFolder
{
    /// <summary>Makes it where it is not there. Root's lies where nobody else can put a link; a user's own in a folder that only he can write.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be made.</exception>
    public static string Open()
    {
        var folder = Environment.IsPrivilegedProcess
            ? "/run/virtsnapshot"
            : Path.Combine(
                Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } own
                    ? own
                    : Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData),
                "virtsnapshot");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return folder;
    }
}
