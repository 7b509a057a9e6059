using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Method <c>qemu</c>: the domain goes on writing into a new qcow2 file, the overlay, and what it wrote to before (the base)
/// stands still and is the backup source. Works with whatever lies under the base. Removing means merging the overlay back.
/// </summary>
internal sealed class QemuProvider : ISnapshotProvider
{
    public const string MethodName = "qemu";

    public string Method => MethodName;

    public StorageLevel Level => StorageLevel.Image;

    public MethodFit Judge(CandidateDisk candidate)
    {
        var hypervisor = (string?)candidate.Domain.Root.Attribute("type");
        if (hypervisor is not ("kvm" or "qemu"))
        {
            return MethodFit.Impossible($"overlays need QEMU, and this is a domain of type '{hypervisor}'");
        }

        if (candidate.WhyNoShell is { } why)
        {
            return MethodFit.Impossible($"overlays are files that we make, and {why}");
        }

        if (candidate.IsEncrypted)
        {
            return MethodFit.Impossible(
                "it is encrypted, and an overlay would hold in plain text what the guest writes: "
                + "a method below the image (reflink, btrfs, zfs, lvm, lvm-thin) makes a copy that stays encrypted");
        }

        var disk = candidate.Disk;
        return disk.Format == "qcow2"
            ? new MethodFit(MethodRank.Default, "qcow2: the format that overlays are made for")
            : new MethodFit(MethodRank.Fallback, $"{disk.Format ?? "raw"} on {disk.Source.Type.ToString().ToLowerInvariant()}: an overlay works with every disk of QEMU");
    }

    public ISnapshotAct Plan(SnapshotOrder order) => QemuSnapshotPlanner.Plan(order);

    public IRemoval PlanRemoval(RemovalOrder order) => new QemuRemoval(order);

    public SnapshotState Check(RecordOrder order, RecordedDisk record)
    {
        if (record.Source.Path is { } path && order.Host.Stat(path, followLink: true) is null)
        {
            return SnapshotState.Missing;
        }

        // Only while its overlay stands directly on the source does nobody write to the source.
        var disk = order.Domain.FindDisk(record.Target);
        var chain = disk is null ? [] : ImageChain.Of(order.Host, order.Domain, disk);
        return OverlayData.FindIn(chain, record) is not null ? SnapshotState.Available : SnapshotState.Invalid;
    }

    public IReadOnlyList<DiskSource> FindImages(RecordOrder order, RecordedDisk record) => order.Domain.FindDisk(record.Target) is { } disk
        ? [.. ImageChain.Of(order.Host, order.Domain, disk).SkipWhile(layer => !layer.IsSameAs(record.Source))]
        : [];

    public IReadOnlyList<RecordedDisk> FindUnrecorded(RecordOrder order, IReadOnlyList<RecordedDisk> recorded, Func<ImageUse> use)
    {
        var look = new StrangeOverlays(order, use);
        var known = recorded.Select(OverlayData.PathOf).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. order.Domain.Disks
                .Where(disk => disk.WhyNotSnapshottable() is null)
                .SelectMany(disk =>
                {
                    var chain = ImageChain.Of(order.Host, order.Domain, disk);
                    return chain.Zip(chain.Skip(1), (overlay, source) => (Disk: disk, Overlay: overlay, Source: source));
                })
                .Where(layer => layer.Overlay.Path is { } path && !known.Contains(path) && look.IsSnapshot(layer.Disk, layer.Overlay, layer.Source))
                .Select(layer => new RecordedDisk(
                    layer.Disk.Target, MethodName, layer.Source, OverlayData.ToElement(layer.Overlay.Path!, Path.GetFileNameWithoutExtension(layer.Overlay.Path!)))),
        ];
    }

    public IRecovery PlanRecovery(RecordOrder order, IReadOnlyList<RecordedDisk> journaled) => new QemuRecovery(order, journaled);

    public IReadOnlyList<IDiskRestoration> PlanRestoration(RestoreOrder order) => QemuRestorePlanner.Plan(order);

    public IDiskRestoration ResumeRestoration(RecordOrder order, RestoredDisk disk) => new QemuRestoration(order, disk);
}
