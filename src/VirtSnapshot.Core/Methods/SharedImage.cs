using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>An image that disks of several domains write to. A freeze of one guest does not stop the others.</summary>
internal static class SharedImage
{
    /// <summary>Refuses disks that no method can snapshot.</summary>
    /// <returns>Warnings about disks whose image is also defined for a domain that is shut off, which is no reason to refuse.</returns>
    /// <exception cref="VirtSnapshotException"><c>SourceShared</c>: a running domain writes to an image in the chain of a disk.</exception>
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
                    $"Disk '{disk.Target}' of domain '{disk.Domain}' cannot be snapshotted: {running}, which is running, "
                    + $"also writes to '{running.Source}', so the snapshot would change.",
                    $"Shut down '{running.Domain}', and give one of the two domains its own image.");
            }

            if (writers.Find(request, disk.Source) is { } defined)
            {
                warnings.Add(
                    $"The image '{disk.Source}' of disk '{disk.Target}' of domain '{disk.Domain}' is also used by {defined}, which is shut off. "
                    + $"After its next start, both domains write to this image: give one of them its own image.");
            }
        }

        return warnings;
    }

    /// <summary>The base of an overlay must never change, but another domain would write to it after its next start.</summary>
    /// <exception cref="VirtSnapshotException"><c>SourceShared</c>.</exception>
    public static void RefuseUnderOverlay(MethodRequest request, ImageWriters writers, VmDisk disk)
    {
        if (writers.Find(request, disk.Source) is { } writer)
        {
            throw Refusal(
                disk,
                $"No overlay can be put on the image '{disk.Source}' of disk '{disk.Target}' of domain '{disk.Domain}': {writer} is also defined with it, "
                + "and would write to the base of the overlay after its next start.",
                "Give one of the two domains its own image, or use a method below the image (reflink, btrfs, zfs, lvm, lvm-thin).");
        }
    }

    /// <summary>A new overlay does not restore a disk if another domain changes the base.</summary>
    /// <exception cref="VirtSnapshotException"><c>SourceShared</c>.</exception>
    public static void RefuseRestore(MethodRequest request, ImageWriters writers, VmDisk disk, SnapshotRecord record)
    {
        if (writers.Find(request, ImageChain.FromImages(request.Host, record.Source)) is { IsRunning: true } running)
        {
            throw Refusal(
                disk,
                $"Disk '{disk.Target}' of domain '{disk.Domain}' cannot be restored: {running}, which is running, "
                + $"writes to '{running.Source}' in the snapshot's chain.",
                "The content of the snapshot has changed.");
        }
    }

    /// <summary>The warning about a snapshot whose data is changed by another domain.</summary>
    public static string DescribeWritten(MethodRequest request, SnapshotRecord record, string snapshot, ImageWriter writer) =>
        $"Snapshot '{snapshot}' of disk '{record.Target}' of domain '{request.Domain.Name}' has changed since it was taken: {writer}, which is "
        + $"running, writes to '{writer.Source}'. Shut down '{writer.Domain}'. {WayOut(request.Domain, request.Domain.FindDisk(record.Target))}".TrimEnd();

    /// <summary>
    /// How a disk on an overlay becomes independent of a base that others use: the data that it reads from the base is copied into the overlay.
    /// <see cref="Qemu.MergeStep"/> recognizes such a disk. Data of an encrypted image must not be copied in plain text.
    /// </summary>
    public static string WayOut(VmDomain domain, VmDisk? disk)
    {
        if (disk is null or { IsEncrypted: true })
        {
            return "";
        }

        var start = domain.IsActive ? "" : $"'virsh start {domain.Name}', ";
        return $"To keep both domains, give disk '{disk.Target}' of domain '{domain.Name}' its own image: {start}"
            + $"'virsh blockpull {domain.Name} {disk.Target} --wait' (it needs the space of a full copy), and then remove the snapshot. "
            + "Its overlay remains as the disk's image, and no other image is changed.";
    }

    private static VirtSnapshotException Refusal(VmDisk disk, string problem, string advice) =>
        new(FailureKind.ResourceBusy, "SourceShared", disk, $"{problem} Nothing was touched. {advice}");
}
