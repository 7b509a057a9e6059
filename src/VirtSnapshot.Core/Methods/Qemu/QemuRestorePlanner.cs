using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>Chooses the new overlays' names. Refuses a restore that would lose data of other snapshots or users. Changes nothing.</summary>
internal static class QemuRestorePlanner
{
    public static IReadOnlyList<IDiskRestoration> Plan(RestoreRequest request)
    {
        var use = ImageUse.Read(request);
        var writers = ImageWriters.Read(request);
        var chosen = new HashSet<string>(StringComparer.Ordinal);
        return [.. request.Disks.Select(record => Plan(request, use, writers, record, chosen))];
    }

    private static QemuRestoration Plan(RestoreRequest request, ImageUse use, ImageWriters writers, SnapshotRecord record, HashSet<string> chosen)
    {
        var disk = request.Domain.FindDisk(record.Target)!;
        if (record.Source.Path is null)
        {
            throw new VirtSnapshotException(
                FailureKind.NotImplemented,
                "RestoreNotSupported",
                disk,
                $"The base '{record.Source}' of disk '{disk.Target}' of domain '{request.Domain.Name}' is on the network, and only a running QEMU can put "
                + "an overlay on it. Nothing was touched.");
        }

        EncryptedDisk.RefuseRestore(request, disk, record);
        SharedImage.RefuseRestore(request, writers, disk, record);
        var chain = ImageChain.Of(request.Host, request.Domain, disk);
        var own = request.Recorded.Where(other => other.Target == record.Target && other.Method == record.Method).ToList();
        var lost = new List<SnapshotRecord>();
        foreach (var layer in chain.Take(OverlayData.FindIn(chain, record) ?? throw NotInChain(request, record, disk, chain)))
        {
            lost.Add(own.Find(other => OverlayData.PathOf(other) == layer.Path) ?? throw NotOurs(request, use, disk, chain, lost.Count));
        }

        var layers = chain.Where(layer => layer.HasPath).Select(layer => layer.Path!).ToList();
        foreach (var overlay in lost.Append(record).Select(OverlayData.PathOf))
        {
            RefuseUsers(request, use, disk, overlay, layers);
        }

        var stem = OverlayData.StemOf(record) ?? Path.GetFileNameWithoutExtension(record.Source.Path);
        var path = ChoosePath(request, Path.GetDirectoryName(OverlayData.PathOf(record))!, stem, chosen);
        return new QemuRestoration(request, new RestoreRecord(request.Group, record, record with { Data = OverlayData.ToElement(path, stem) }, lost));
    }

    /// <summary>The snapshot's current overlay keeps its name until it is deleted, so a new one gets the next free name.</summary>
    private static string ChoosePath(RestoreRequest request, string folder, string stem, HashSet<string> chosen)
    {
        for (var number = 0; ; number++)
        {
            var path = Path.Combine(folder, $"{stem}.{request.Name}{(number == 0 ? "" : $".restored-{number}")}.qcow2");
            if (request.Host.Stat(path) is null && chosen.Add(path))
            {
                return path;
            }
        }
    }

    private static void RefuseUsers(RestoreRequest request, ImageUse use, VmDisk disk, string overlay, IReadOnlyCollection<string> layers)
    {
        if (use.FindForeignUser(overlay, disk.Target, layers) is { } user)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceShared",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: its overlay '{overlay}' would be deleted, and {user}. Nothing "
                + "was touched.");
        }

        if (use.FindReaders(overlay) is [{ } reader, ..])
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceInUse",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: its overlay '{overlay}', which would be deleted, is in use by "
                + $"{reader}. Nothing was touched. "
                + "Wait until the backup has finished, then try again.");
        }

        if (InnerSnapshots.Need(request, overlay))
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "OverlayHasSnapshots",
                disk,
                $"A snapshot that was made with libvirt or QEMU itself needs the overlay '{overlay}' of disk '{disk.Target}' of domain "
                + $"'{request.Domain.Name}', which restoring would delete. Nothing was touched. "
                + $"List snapshots with 'virsh snapshot-list {request.Domain.Name}', and delete those that are not needed, then try again.");
        }
    }

    private static VirtSnapshotException NotInChain(RestoreRequest request, SnapshotRecord record, VmDisk disk, IReadOnlyList<DiskSource> chain) => new(
        FailureKind.InvalidOperation,
        "SnapshotInvalid",
        disk,
        $"The overlay '{OverlayData.PathOf(record)}' is not on top of '{record.Source}' in the chain of disk '{disk.Target}' of domain "
        + $"'{request.Domain.Name}' any more: "
        + $"the chain is {string.Join(" -> ", chain)}. Nothing was touched.");

    private static VirtSnapshotException NotOurs(RestoreRequest request, ImageUse use, VmDisk disk, IReadOnlyList<DiskSource> chain, int position) => new(
        FailureKind.InvalidOperation,
        "SnapshotNotOurs",
        disk,
        $"Disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be restored: the data in '{chain[position]}', an overlay without a record, "
        + "would be lost. Nothing was touched. "
        + new ForeignOverlays(request, () => use).Advise(disk, chain, position));
}
