using System.Security.Cryptography;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Tests.Lab;

/// <summary>What an image shows a reader, whatever it is stored as.</summary>
internal static class ImageDigest
{
    /// <summary>SHA-256 of the whole content with its backing chain, as a backup would read it.</summary>
    public static string Of(DiskSource source) =>
        Of(source.Path!, source.Format!, source.Snapshot is { } inside ? ["-l", $"snapshot.name={inside}"] : []);

    public static string Of(string image, string format) => Of(image, format, []);

    /// <summary>SHA-256 of the file itself.</summary>
    public static string OfFile(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static string Of(string image, string format, string[] part)
    {
        var raw = Path.GetTempFileName();
        try
        {
            LabScript.RunProgram("qemu-img", ["convert", "-U", "-f", format, .. part, "-O", "raw", image, raw]);
            using var file = File.OpenRead(raw);
            return Convert.ToHexStringLower(SHA256.HashData(file));
        }
        finally
        {
            File.Delete(raw);
        }
    }
}
