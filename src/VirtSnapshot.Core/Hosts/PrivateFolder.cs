namespace VirtSnapshot.Hosts;

/// <summary>A folder of this machine for locks and sockets that other users cannot access.</summary>
internal static class PrivateFolder
{
    /// <summary>Creates it if necessary. Its parent folder is writable only for root, or only for the user, so that it cannot be replaced by a link.</summary>
    /// <exception cref="IOException">It cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be created.</exception>
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

        // Empty if there is no home directory. A relative path would then be below the current folder.
        var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create);
        return data.Length > 0
            ? data
            : throw new IOException(
                $"user '{Environment.UserName}' has no private folder: XDG_RUNTIME_DIR is not set, and the home directory "
                + $"('{Environment.GetEnvironmentVariable("HOME")}') is not writable");
    }
}
