using VirtSnapshot.Domains;
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

    public RecordedDisk Verify(RecordOrder order, RecordedDisk record, DiskSource? image)
    {
        if (OverlayProof.WhyNotOurs(order, record) is { } why)
        {
            throw record.ToForeign(order.Domain, why);
        }

        var chain = order.FindDisk(record.Target) is { } disk ? order.ChainOf(disk) : [];
        return record with { Source = SourceIn(order, record, chain) };
    }

    public SnapshotState Check(RecordOrder order, RecordedDisk record)
    {
        if (record.Source.Path is { } path && order.Host.Stat(path, followLink: true) is null)
        {
            return SnapshotState.Missing;
        }

        // Only while its overlay stands directly on the source does nobody write to the source.
        var chain = order.FindDisk(record.Target) is { } disk ? order.ChainOf(disk) : [];
        return OverlayData.FindIn(chain, record) is not null ? SnapshotState.Available : SnapshotState.Invalid;
    }

    public string? WhyOnlyRecorded(RecordOrder order, RecordedDisk record) => UnusedOverlay.Describe(order, record);

    public IReadOnlyList<DiskSource> FindImages(RecordOrder order, RecordedDisk record) => order.FindDisk(record.Target) is { } disk
        ? [.. order.ChainOf(disk).SkipWhile(layer => !layer.IsSameAs(record.Source))]
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

    /// <summary>An overlay that is marked as made for this set and disk is proof enough: merges and restores take its base out of the chain.</summary>
    public IEnumerable<string>? ImagesOf(RecordedDisk record) => null;

    /// <summary>
    /// The layer that the overlay stands on. One that is out of the chain counts only where the overlay itself names it as well: then it is shown, and never
    /// read or written.
    /// </summary>
    private static DiskSource SourceIn(RecordOrder order, RecordedDisk record, IReadOnlyList<DiskSource> chain)
    {
        var overlay = OverlayData.PathOf(record);
        for (var i = 0; i + 1 < chain.Count; i++)
        {
            if (chain[i].Path == overlay)
            {
                return chain[i + 1].IsSameAs(record.Source) ? Confirm(order, record, chain[i + 1]) : DiskSource.None;
            }
        }

        // Of a network base the overlay names nothing.
        var header = ImageChain.ReadHeader(order.Host, overlay);
        var backing = ImageChain.Resolve(overlay, header?.BackingFile);
        var layer = chain.FirstOrDefault(layer => layer.IsSameAs(record.Source) && (backing is null || (layer.Path is { } path && order.IsSameFile(path, backing))));
        return layer is not null ? Confirm(order, record, layer)
            : backing is null || record.Source.Path is not { } recorded || !order.IsSameFile(backing, recorded) ? DiskSource.None
            : DiskSource.ForPath(backing, header!.BackingFormat, order.Host.Stat(backing, followLink: true) is { IsBlockDevice: true });
    }

    /// <summary>A volume keeps its name in its pool, where that leads to the same file.</summary>
    private static DiskSource Confirm(RecordOrder order, RecordedDisk record, DiskSource layer)
    {
        RefuseUnprovable(order, record, layer);
        return order.IsVolumeAt(record.Source, layer.Path) ? record.Source with { Format = layer.Format } : layer;
    }

    /// <summary>
    /// A slice, say, or a secret: images do not name what else than a path makes a source, and only a running domain's definition has it for each layer.
    /// </summary>
    private static void RefuseUnprovable(RecordOrder order, RecordedDisk record, DiskSource layer)
    {
        var isKnown = order.Domain.IsActive || !layer.HasPath || SafeXml.Parse(layer.Xml).HasElements;
        if (!isKnown && record.Source.Xml.Length > 0 && SafeXml.Parse(record.Source.Xml).Elements().Any(element => element.Name.LocalName != "seclabel"))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "DomainNotRunning",
                order.Domain,
                $"The source '{record.Source}' of snapshot '{record.Set?.Name}' of disk '{record.Target}' of domain '{order.Domain.Name}' is more "
                + "than a path, which can only be checked while the domain runs. "
                + "Nothing was touched. Start the domain first.");
        }
    }

    public IReadOnlyList<LostDisk> FindLost(RecordOrder order, FolderListing listing) => LostOverlays.Find(order, listing);

    public string? WhyNotReattachable(RecordOrder order, IReadOnlyList<RecordedDisk> detached) =>
        LostOverlays.WhyNotReattachable(order, ImageUse.Read(order), detached);

    public void Reattach(RecordOrder order, IReadOnlyList<RecordedDisk> detached) =>
        StoredDisk.PointTo(order, detached[^1].Target, DiskSource.ForPath(OverlayData.PathOf(detached[^1]), "qcow2", isBlockDevice: false));

    public IReadOnlyList<string> KeepAside(RecordOrder order, IReadOnlyList<RecordedDisk> detached) => LostOverlays.KeepAside(order, detached);

    public string? WhyNotKeptAside(RecordOrder order, IReadOnlyList<RecordedDisk> detached) => LostOverlays.WhyNotKeptAside(ImageUse.Read(order), detached);

    public IRecovery PlanRecovery(RecordOrder order, IReadOnlyList<RecordedDisk> journaled) => new QemuRecovery(order, journaled);

    public IReadOnlyList<IDiskRestoration> PlanRestoration(RestoreOrder order) => QemuRestorePlanner.Plan(order);

    public IDiskRestoration ResumeRestoration(RecordOrder order, RestoredDisk disk) =>
        disk.Becomes is null ? throw new FormatException("A restore without an overlay to go on in.") : new QemuRestoration(order, disk);
}
