using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VirtSnapshot.Native;

/// <summary>Calls that .NET's file API lacks: owner and inode of a file, <c>flock(2)</c>, and syncing a directory.</summary>
internal static unsafe partial class FileApi
{
    private const int AtFdCwd = -100;
    private const int AtSymlinkNoFollow = 0x100;
    private const int AtEmptyPath = 0x1000;
    private const int AtStatxDontSync = 0x4000;
    private const uint StatxBasic = 0x7ff;
    private const int ErrorNotPermitted = 1;
    private const int ErrorNoDevice = 19;
    private const int ErrorNoEntry = 2;
    private const int ErrorDenied = 13;
    private const int ErrorNotDirectory = 20;
    private const int ErrorNameTooLong = 36;
    private const int ErrorWouldBlock = 11;
    private const int LockExclusiveNow = 2 | 4; // LOCK_EX | LOCK_NB
    private const int WriteAndSearch = 2 | 1; // W_OK | X_OK
    private const int OpenReadWriteCreate = 2 | 0x40 | 0x20000 | 0x80000; // O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC
    private const int OpenDirectory = 0x10000 | 0x80000; // O_DIRECTORY | O_CLOEXEC

    /// <summary>The attributes of the file at a path; null if there is none. By default, a link in the last part is not followed.</summary>
    public static FileFacts? Stat(string path, bool followLink) => Stat(path, followLink ? 0 : AtSymlinkNoFollow);

    /// <summary>Whether an open file is what stands at a path, a link not followed.</summary>
    public static bool IsAt(SafeFileHandle file, string path) => Statx(file, "", AtEmptyPath, StatxBasic, out var own) == 0
        ? Stat(path, followLink: false)?.IsSameFileAs(ToFacts(own)) == true
        : throw Failure(Marshal.GetLastPInvokeError(), path);

    private static FileFacts? Stat(string path, int flags)
    {
        // The system call would use only the part before the NUL.
        if (path.Contains('\0', StringComparison.Ordinal))
        {
            return null;
        }

        if (Statx(AtFdCwd, path, flags, StatxBasic, out var facts) == 0)
        {
            return ToFacts(facts);
        }

        var error = Marshal.GetLastPInvokeError();
        return error is ErrorNoEntry or ErrorNotDirectory or ErrorNameTooLong ? null : throw Failure(error, path);
    }

    /// <summary>
    /// As <see cref="Stat(string, bool)"/> with links followed; null also on failure. Cached attributes are enough, so a network file system
    /// that does not respond causes no wait.
    /// </summary>
    public static FileFacts? TryStat(string path)
    {
        try
        {
            return Stat(path, AtStatxDontSync);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Whether the error means missing permission: EACCES, EPERM.</summary>
    public static bool IsDenied(Exception error) =>
        error is UnauthorizedAccessException || (error is IOException && error.HResult is ErrorDenied or ErrorNotPermitted);

    /// <summary>Whether the file, or the device that it describes, no longer exists.</summary>
    public static bool IsGone(IOException error) =>
        error is FileNotFoundException or DirectoryNotFoundException || error.HResult == ErrorNoDevice;

    public static bool CanWriteTo(string directory) => Access(directory, WriteAndSearch) == 0;

    /// <summary>Opens a file for reading and writing, follows no link, and takes no lock.</summary>
    public static SafeFileHandle OpenOrCreate(string path, UnixFileMode mode)
    {
        var file = Open(path, OpenReadWriteCreate, (uint)mode);
        return file >= 0 ? new SafeFileHandle(file, ownsHandle: true) : throw Failure(Marshal.GetLastPInvokeError(), path);
    }

    /// <summary>Takes <c>flock(2)</c>, which is released when the file is closed. False if another process holds it.</summary>
    public static bool TryLock(SafeFileHandle file, string path)
    {
        if (Flock(file, LockExclusiveNow) == 0)
        {
            return true;
        }

        var error = Marshal.GetLastPInvokeError();
        return error == ErrorWouldBlock ? false : throw Failure(error, path);
    }

    public static void ChangeOwner(SafeFileHandle file, uint owner, uint group, string path)
    {
        if (Fchown(file, owner, group) != 0)
        {
            throw Failure(Marshal.GetLastPInvokeError(), path);
        }
    }

    /// <summary>Flushes a directory's entries to disk.</summary>
    public static void SyncDirectory(string path)
    {
        var directory = Open(path, OpenDirectory, 0);
        if (directory < 0)
        {
            throw Failure(Marshal.GetLastPInvokeError(), path);
        }

        _ = Fsync(directory);
        _ = Close(directory);
    }

    private static FileFacts ToFacts(in StatxFacts facts) => new(
        ((ulong)facts.DeviceMajor << 32) | facts.DeviceMinor,
        facts.Inode,
        facts.Mode,
        facts.Owner,
        facts.Group,
        facts.Size,
        ((ulong)facts.RawDeviceMajor << 32) | facts.RawDeviceMinor);

    private static IOException Failure(int error, string path) =>
        new($"{path}: {Marshal.GetPInvokeErrorMessage(error)}", error);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, out StatxFacts facts);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(SafeFileHandle directory, string path, int flags, uint mask, out StatxFacts facts);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    private static partial int Fchown(SafeFileHandle file, uint owner, uint group);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int file);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int file);

    /// <summary><c>struct statx</c>: the same on every architecture, unlike <c>struct stat</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatxFacts
    {
        [FieldOffset(20)]
        public uint Owner;

        [FieldOffset(24)]
        public uint Group;

        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(40)]
        public ulong Size;

        [FieldOffset(128)]
        public uint RawDeviceMajor;

        [FieldOffset(132)]
        public uint RawDeviceMinor;

        [FieldOffset(136)]
        public uint DeviceMajor;

        [FieldOffset(140)]
        public uint DeviceMinor;
    }
}
