namespace VirtSnapshot.Hosts;

/// <summary>A folder of this machine that nobody else can look or write into, gone after a restart: for locks and sockets.</summary>
internal static class PrivateFolder
{
    /// <summary>Makes it where it is not there. Root's lies where nobody else can put a link; a user's own in a folder that only he can write.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be made.</exception>
    public static string Open()
    {
        var folder = Environment.IsPrivilegedProcess ? "/run/virtsnapshot" : Path.Combine(OwnFolder(), "virtsnapshot");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return folder;
    }

    private static string OwnFolder()
    {
        if (Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } own)
        {
            return own;
        }

        // Empty where the home is not to be had: it must not become a folder of wherever we are.
        var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create);
        return data.Length > 0
            ? data
            : throw new IOException($"user '{Environment.UserName}' has no folder of his own: neither XDG_RUNTIME_DIR is set, nor a home directory ('{Environment.GetEnvironmentVariable("HOME")}') that he can write to");
    }
}
