using System.Globalization;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>Room in a file system whose images go on being written to while a snapshot in it holds on to the old blocks.</summary>
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
                $"The file system of '{folder}' has {Mebibytes(free)} MiB left, too little for a snapshot beside which the guest of domain '{request.Domain.Name}' goes on writing. "
                + "Nothing was touched. Make room.");
        }

        if (free < Math.Min(ComfortableFreeBytes, request.Disks.Sum(SizeOf)))
        {
            request.Warn($"The file system of '{folder}' has only {Mebibytes(free)} MiB left, and what the guest of domain '{request.Domain.Name}' overwrites takes new room while the snapshot is there. "
                + "If the file system is full, the guest is paused: remove the snapshot soon.");
        }

        long SizeOf(Domains.VmDisk disk) => disk.Source.Path is { } path ? (long)(request.Host.Stat(path, followLink: true)?.Size ?? 0) : 0;
    }

    private static string Mebibytes(long bytes) => (bytes >> 20).ToString(CultureInfo.InvariantCulture);
}
