using Microsoft.Win32.SafeHandles;
using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>
/// A lock on a file of this machine, which ends with the process. The file exists while the lock is held, or after its holder was killed. Only the holder
/// removes it; a process that locks a file which was removed meanwhile opens it again. <c>lock.sh</c> follows the same protocol.
/// </summary>
internal sealed class FileLock : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly SafeFileHandle file;
    private readonly string path;

    private FileLock(SafeFileHandle file, string path)
    {
        this.file = file;
        this.path = path;
    }

    /// <summary>Takes the lock; null if it is held already.</summary>
    /// <exception cref="IOException">The file cannot be created, or is a symbolic link.</exception>
    public static FileLock? TryTake(string path)
    {
        while (true)
        {
            // Not a FileStream: it takes a lock when it is opened, and fails if another process has locked the file.
            var file = FileApi.OpenOrCreate(path, OwnerOnly);
            try
            {
                if (!FileApi.TryLock(file, path))
                {
                    file.Dispose();
                    return null;
                }

                if (FileApi.IsAt(file, path))
                {
                    return new FileLock(file, path);
                }
            }
            catch
            {
                file.Dispose();
                throw;
            }

            file.Dispose();
        }
    }

    public void Dispose()
    {
        if (file.IsClosed)
        {
            return;
        }

        try
        {
            // If the file was removed by hand, another run may hold the lock of a new file of that name.
            if (FileApi.IsAt(file, path))
            {
                File.Delete(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The file stays, and the next run takes it over.
        }

        file.Dispose();
    }
}
