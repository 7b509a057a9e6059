using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Method <c>qemu</c>: the domain writes to a new qcow2 file, the overlay; its previous image, the base, does not change any more
/// and is the backup source. Independent of the storage under the base. Removal commits the overlay into its base.
/// </summary>
internal sealed class QemuMethod : SnapshotMethod, IOverlayMethod
{
    public const string MethodName = "qemu";

    public override string Name => MethodName;

    public override MethodTraits Traits { get; } = new(StorageLevel.Image, ChangesDisk: true, ServesAsTemporaryOverlay: true);

    public override MethodFit Probe(DiskContext disk)
    {
        var hypervisor = (string?)disk.Domain.Root.Attribute("type");
        if (hypervisor is not ("kvm" or "qemu"))
        {
            return MethodFit.Impossible($"overlays need QEMU, and this is a domain of type '{hypervisor}'");
        }

        if (disk.WhyNoShell is { } why)
        {
            return MethodFit.Impossible($"overlays are created as files on the host, and {why}");
        }

        if (disk.IsEncrypted)
        {
            return MethodFit.Impossible(
                "it is encrypted, and an overlay would hold the guest's writes unencrypted: "
                + "a method below the image (reflink, btrfs, zfs, lvm, lvm-thin) makes a copy that stays encrypted");
        }

        return disk.Disk.Format == "qcow2"
            ? new MethodFit(MethodRank.Default, "qcow2: the native format of overlays")
            : new MethodFit(
                MethodRank.Fallback,
                $"{disk.Disk.Format ?? "raw"} on {disk.Disk.Source.Type.ToString().ToLowerInvariant()}: an overlay works with every disk of QEMU");
    }

    public override ISnapshotSteps Plan(PlanRequest request) => QemuSnapshotPlanner.Plan(request);

    public override IRemoval PlanRemoval(RemovalRequest request) => new QemuRemoval(request);

    public override SnapshotRecord Verify(MethodRequest request, SnapshotRecord record, DiskSource? image)
    {
        if (OverlayProof.WhyNotOurs(request, record) is { } why)
        {
            throw record.ToForeign(request.Domain, why);
        }

        var chain = request.FindDisk(record.Target) is { } disk ? request.ChainOf(disk) : [];
        return record with { Source = SourceIn(request, record, chain) };
    }

    public override Inspection Inspect(MethodRequest request, SnapshotRecord record)
    {
        if (record.Source.Path is { } path && request.Host.Stat(path, followLink: true) is null)
        {
            return new Inspection(SnapshotState.Missing);
        }

        // The source is immutable only while its overlay is directly on top of it.
        var chain = request.FindDisk(record.Target) is { } disk ? request.ChainOf(disk) : [];
        return new Inspection(OverlayData.FindIn(chain, record) is not null ? SnapshotState.Available : SnapshotState.Invalid);
    }

    public override string? WhyOnlyRecorded(MethodRequest request, SnapshotRecord record) => UnusedOverlay.Describe(request, record);

    public override IReadOnlyList<DiskSource> FindImages(MethodRequest request, SnapshotRecord record) => request.FindDisk(record.Target) is { } disk
        ? [.. request.ChainOf(disk).SkipWhile(layer => !layer.IsSameAs(record.Source))]
        : [];

    public IReadOnlyList<SnapshotRecord> FindUnrecorded(MethodRequest request, IReadOnlyList<SnapshotRecord> recorded, Func<ImageUse> use)
    {
        var foreign = new ForeignOverlays(request, use);
        var known = recorded.Select(OverlayData.PathOf).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. request.Domain.Disks
                .Where(disk => disk.WhyNotSnapshottable() is null)
                .SelectMany(disk =>
                {
                    var chain = ImageChain.Of(request.Host, request.Domain, disk);
                    return chain.Zip(chain.Skip(1), (overlay, source) => (Disk: disk, Overlay: overlay, Source: source));
                })
                .Where(layer => layer.Overlay.Path is { } path && !known.Contains(path) && foreign.IsSnapshot(layer.Disk, layer.Overlay, layer.Source))
                .Select(layer => new SnapshotRecord(
                    layer.Disk.Target,
                    MethodName,
                    layer.Source,
                    OverlayData.ToElement(layer.Overlay.Path!, Path.GetFileNameWithoutExtension(layer.Overlay.Path!)))),
        ];
    }

    /// <summary>The overlay's mark proves set and disk: merges and restores remove its base from the chain.</summary>
    public override IEnumerable<string>? ImagesOf(SnapshotRecord record) => null;

    /// <summary>
    /// The overlay's base. A base that is not in the chain counts only where the overlay itself names it too: then it is only shown, never
    /// read or written.
    /// </summary>
    private static DiskSource SourceIn(MethodRequest request, SnapshotRecord record, IReadOnlyList<DiskSource> chain)
    {
        var overlay = OverlayData.PathOf(record);
        for (var i = 0; i + 1 < chain.Count; i++)
        {
            if (chain[i].Path == overlay)
            {
                return chain[i + 1].IsSameAs(record.Source) ? Confirm(request, record, chain[i + 1]) : DiskSource.None;
            }
        }

        // The overlay does not name a network base.
        var header = ImageChain.ReadHeader(request.Host, overlay);
        var backing = ImageChain.Resolve(overlay, header?.BackingFile);
        var layer = chain.FirstOrDefault(layer =>
            layer.IsSameAs(record.Source) && (backing is null || (layer.Path is { } path && request.IsSameFile(path, backing))));
        return layer is not null ? Confirm(request, record, layer)
            : backing is null || record.Source.Path is not { } recorded || !request.IsSameFile(backing, recorded) ? DiskSource.None
            : DiskSource.ForPath(backing, header!.BackingFormat, request.Host.Stat(backing, followLink: true) is { IsBlockDevice: true });
    }

    /// <summary>A volume keeps its name in its pool, where that leads to the same file.</summary>
    private static DiskSource Confirm(MethodRequest request, SnapshotRecord record, DiskSource layer)
    {
        RefuseUnprovable(request, record, layer);
        return request.IsVolumeAt(record.Source, layer.Path) ? record.Source with { Format = layer.Format } : layer;
    }

    /// <summary>
    /// Images name only paths, not the rest of a source such as a slice or a secret; only a running domain's definition has it for each layer.
    /// </summary>
    private static void RefuseUnprovable(MethodRequest request, SnapshotRecord record, DiskSource layer)
    {
        var isKnown = request.Domain.IsActive || !layer.HasPath || SafeXml.Parse(layer.Xml).HasElements;
        if (!isKnown && record.Source.Xml.Length > 0 && SafeXml.Parse(record.Source.Xml).Elements().Any(element => element.Name.LocalName != "seclabel"))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "DomainNotRunning",
                request.Domain,
                $"The source '{record.Source}' of snapshot '{record.Set?.Name}' of disk '{record.Target}' of domain '{request.Domain.Name}' has more "
                + "than a path, which can only be checked while the domain runs. "
                + "Nothing was touched. Start the domain, then try again.");
        }
    }

    public IReadOnlyList<LostDisk> FindLost(MethodRequest request, FolderListing listing) => LostOverlays.Find(request, listing);

    public string? WhyNotReattachable(MethodRequest request, IReadOnlyList<SnapshotRecord> detached) =>
        LostOverlays.WhyNotReattachable(request, ImageUse.Read(request), detached);

    public void Reattach(MethodRequest request, IReadOnlyList<SnapshotRecord> detached) =>
        StoredDisk.PointTo(request, detached[^1].Target, DiskSource.ForPath(OverlayData.PathOf(detached[^1]), "qcow2", isBlockDevice: false));

    public IReadOnlyList<string> KeepAside(MethodRequest request, IReadOnlyList<SnapshotRecord> detached) => LostOverlays.KeepAside(request, detached);

    public string? WhyNotKeptAside(MethodRequest request, IReadOnlyList<SnapshotRecord> detached) =>
        LostOverlays.WhyNotKeptAside(ImageUse.Read(request), detached);

    public override IRecovery PlanRecovery(MethodRequest request, IReadOnlyList<SnapshotRecord> journaled) => new QemuRecovery(request, journaled);

    public override IReadOnlyList<IDiskRestoration> PlanRestoration(RestoreRequest request) => QemuRestorePlanner.Plan(request);

    public override IDiskRestoration ResumeRestoration(MethodRequest request, RestoreRecord disk) =>
        disk.Becomes is null ? throw new FormatException("A restore record without the new overlay.") : new QemuRestoration(request, disk);
}
