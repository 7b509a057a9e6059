using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Tests.Lab;

/// <summary>What an image shows a reader, whatever it is stored as: equal digests mean equal content.</summary>
internal static partial class ImageDigest
{
    private const int BlockSize = 64 << 10;

    /// <summary>Of the whole content with its backing chain, as a backup would read it.</summary>
    public static string Of(DiskSource source) =>
        Of(source.Path!, source.Format!, source.Snapshot is { } inside ? ["-l", $"snapshot.name={inside}"] : []);

    public static string Of(string image, string format) => Of(image, format, []);

    /// <summary>Of the file itself: SHA-256 of its length, and of its blocks that are not all zero with their places. Holes are not read.</summary>
    public static string OfFile(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[BlockSize];
        var number = new byte[sizeof(long)];
        var length = RandomAccess.GetLength(file);
        Append(length);
        for (var at = NextData(file, 0); at >= 0 && at < length;)
        {
            at -= at % BlockSize;
            var read = RandomAccess.Read(file, block, at);
            if (block.AsSpan(0, read).ContainsAnyExcept((byte)0))
            {
                Append(at);
                hash.AppendData(block, 0, read);
            }

            at = NextData(file, at + BlockSize);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(long value)
        {
            BinaryPrimitives.WriteInt64LittleEndian(number, value);
            hash.AppendData(number);
        }
    }

    private static string Of(string image, string format, string[] part)
    {
        var raw = Path.GetTempFileName();
        try
        {
            LabScript.RunProgram("qemu-img", ["convert", "-U", "-f", format, .. part, "-O", "raw", image, raw]);
            return OfFile(raw);
        }
        finally
        {
            File.Delete(raw);
        }
    }

    /// <summary>Where the next data is, from there on; negative where there is none.</summary>
    private static long NextData(SafeFileHandle file, long offset)
    {
        const int SeekData = 3;
        return Seek(file, offset, SeekData);
    }

    [LibraryImport("libc", EntryPoint = "lseek")]
    private static partial long Seek(SafeFileHandle file, long offset, int whence);
}
