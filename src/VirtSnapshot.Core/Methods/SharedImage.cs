using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>An image that a disk of another domain writes to as well: no freeze of the one guest reaches the other.</summary>
internal static class SharedImage
{
    /// <summary>Refuses what no method can snapshot.</summary>
    /// <returns>Disks whose image the definition of a domain that is shut off names: what to tell where that is no reason to refuse.</returns>
    /// <exception cref="VirtSnapshotException"><c>SourceShared</c>: a running domain writes to an image that a disk stands on.</exception>
    public static IReadOnlyList<string> RefuseRunning(MethodRequest request, ImageWriters writers, IReadOnlyList<VmDisk> disks)
    {
        // The chain of a running domain is in its definition; that of a shut-off one must be read from the images.
        var isSilent = request is { Domain.IsActive: false, Host.WhyNoShell: null };
        using var ahead = isSilent
            ? ImageChain.ReadAhead(request.Host, disks.Select(disk => disk.Source))
            : request.Host.ReadAhead(disks.SelectMany(disk => disk.BackingChain.Prepend(disk.Source)).Select(layer => layer.Path).OfType<string>());
        var warnings = new List<string>();
        foreach (var disk in disks)
        {
            var chain = isSilent ? ImageChain.Of(request.Host, request.Domain, disk) : [disk.Source, .. disk.BackingChain];
            if (writers.Find(request, chain) is { IsRunning: true } running)
            {
                throw Refusal(
                    disk,
                    $"Disk '{disk.Target}' of domain '{disk.Domain}' cannot be snapshotted: {running}, which runs, "
                    + $"writes to '{running.Source}' as well, so what is taken of it would not hold still.",
                    $"Shut '{running.Domain}' off, and give one of both an image of its own.");
            }

            if (writers.Find(request, disk.Source) is { } defined)
            {
                warnings.Add(
                    $"The image '{disk.Source}' of disk '{disk.Target}' of domain '{disk.Domain}' is that of {defined} as well, which is shut off. "
                    + $"Whatever that domain writes after its next start, domain '{disk.Domain}' has, too: give one of both an image of its own.");
            }
        }

        return warnings;
    }

    /// <summary>An overlay needs a base that never changes, and another domain's next start would write to it.</summary>
    /// <exception cref="VirtSnapshotException"><c>SourceShared</c>.</exception>
    public static void RefuseUnderOverlay(MethodRequest request, ImageWriters writers, VmDisk disk)
    {
        if (writers.Find(request, disk.Source) is { } writer)
        {
            throw Refusal(
                disk,
                $"No overlay can be put on the image '{disk.Source}' of disk '{disk.Target}' of domain '{disk.Domain}': {writer} is defined on it as well, "
                + "and would write to what the overlay stands on as soon as it is started.",
                "Give one of both an image of its own, or use a method below the image (reflink, btrfs, zfs, lvm, lvm-thin).");
        }
    }

    /// <summary>A fresh overlay is no way back while another domain changes the base.</summary>
    /// <exception cref="VirtSnapshotException"><c>SourceShared</c>.</exception>
    public static void RefuseRestore(MethodRequest request, ImageWriters writers, VmDisk disk, SnapshotRecord record)
    {
        if (writers.Find(request, ImageChain.FromImages(request.Host, record.Source)) is { IsRunning: true } running)
        {
            throw Refusal(
                disk,
                $"Disk '{disk.Target}' of domain '{disk.Domain}' cannot be restored: {running}, which runs, "
                + $"writes to '{running.Source}', which the snapshot stands on.",
                "What it holds is no longer what was taken.");
        }
    }

    /// <summary>What is to be told of a snapshot whose data another domain changes.</summary>
    public static string DescribeWritten(MethodRequest request, SnapshotRecord record, string snapshot, ImageWriter writer) =>
        $"Snapshot '{snapshot}' of disk '{record.Target}' of domain '{request.Domain.Name}' is no longer what was taken: {writer}, which runs, "
        + $"writes to '{writer.Source}'. Shut '{writer.Domain}' off. {WayOut(request.Domain, request.Domain.FindDisk(record.Target))}".TrimEnd();

    /// <summary>
    /// How a disk on an overlay becomes independent of a base that others need as well, and nothing is lost: the overlay takes in all that it
    /// still reads from there. <see cref="Qemu.MergeStep"/> knows such a disk. Out of an encrypted image nothing is to be copied in plain text.
    /// </summary>
    public static string WayOut(VmDomain domain, VmDisk? disk)
    {
        if (disk is null or { IsEncrypted: true })
        {
            return "";
        }

        var start = domain.IsActive ? "" : $"'virsh start {domain.Name}', ";
        return $"If both domains are to stay, give disk '{disk.Target}' of domain '{domain.Name}' an image of its own: {start}"
            + $"'virsh blockpull {domain.Name} {disk.Target} --wait' (it takes the space of a full copy), and remove the snapshot then. "
            + "Its overlay stays as the disk's image, and nothing of others is changed.";
    }

    private static VirtSnapshotException Refusal(VmDisk disk, string problem, string advice) =>
        new(FailureKind.ResourceBusy, "SourceShared", disk, $"{problem} Nothing was touched. {advice}");
}
