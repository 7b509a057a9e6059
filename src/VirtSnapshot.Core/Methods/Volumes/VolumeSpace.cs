using System.Globalization;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>Free space in a file system where a snapshot keeps the old blocks of images that the guest continues to write to.</summary>
internal static class VolumeSpace
{
    private const long LeastFreeBytes = 16L << 20;
    private const long ComfortableFreeBytes = 1L << 30;

    /// <exception cref="VirtSnapshotException"><c>NoSpace</c></exception>
    public static void Check(VolumeRequest request, string folder)
    {
        var free = request.Host.FreeSpace(folder);
        if (free < LeastFreeBytes)
        {
            throw new VirtSnapshotException(
                FailureKind.QuotaExceeded,
                "NoSpace",
                request.Disks[0],
                $"The file system of '{folder}' has only {Mebibytes(free)} MiB free, too little for a snapshot while the guest of domain "
                + $"'{request.Domain.Name}' writes. Nothing was touched. Free space in it.");
        }

        if (free < Math.Min(ComfortableFreeBytes, request.Disks.Sum(SizeOf)))
        {
            request.Warn($"The file system of '{folder}' has only {Mebibytes(free)} MiB free, and each block that the guest of domain "
                + $"'{request.Domain.Name}' overwrites needs new space while the snapshot exists. "
                + "If the file system becomes full, the guest is paused: remove the snapshot soon.");
        }

        long SizeOf(Domains.VmDisk disk) => disk.Source.Path is { } path ? (long)(request.Host.Stat(path, followLink: true)?.Size ?? 0) : 0;
    }

    private static string Mebibytes(long bytes) => (bytes >> 20).ToString(CultureInfo.InvariantCulture);
}
