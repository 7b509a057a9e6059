using VirtSnapshot.Domains;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>
/// Method <c>libvirt-volume</c>: libvirt makes another volume in the pool of the disk's volume, an LVM snapshot or a copy of the file. It needs only libvirt on
/// the host: <c>&lt;diskSnapshot method='libvirt-volume'&gt;&lt;size&gt;20%&lt;/size&gt;&lt;/diskSnapshot&gt;</c>, where the size is optional and for LVM only.
/// </summary>
/// <remarks>
/// <para>Facts (https://libvirt.org/formatstorage.html, libvirt's storage drivers, and tests with libvirt 9.0):</para>
/// <list type="bullet">
/// <item>Pools <c>dir</c>, <c>fs</c>, <c>netfs</c>, raw: <c>virStorageVolCreateXMLFrom</c> with <c>REFLINK</c> shares the blocks (FICLONE), or fails with
/// "failed to clone files" and leaves nothing. Without that flag it copies in full, without a lock against writers: only for a shut-off domain.</item>
/// <item>For qcow2 the same call runs <c>qemu-img convert</c>: no blocks are shared, the copy is a full one without backing images, and QEMU's image lock
/// makes it fail for a running domain.</item>
/// <item>libvirt probes a volume's format: a raw disk with a header of another format, written by the guest, would be converted. Such disks are
/// refused.</item>
/// <item>Pool <c>logical</c>: a <c>&lt;backingStore&gt;</c> makes <c>virStorageVolCreateXML</c> run <c>lvcreate -s</c> with its <c>&lt;capacity&gt;</c> as
/// the COW space: a thick, writable snapshot, made in about a second. libvirt does not list an overflowed snapshot after a pool refresh: it counts as
/// invalid where the host is accessible, else as missing, and the administrator removes it with <c>lvremove</c>.</item>
/// <item>libvirt refuses a name that is taken, also by a file or link that it does not list, and follows no link.</item>
/// <item>It finds a volume only by its exact path, as of the last refresh of the pool (<c>virsh pool-refresh</c>).</item>
/// <item>libvirt deletes a file that is open. So it is checked for readers, where the host is accessible. A logical volume in use is not deleted.</item>
/// <item>Users without access to the host read the backup source with <c>virsh vol-download</c>.</item>
/// </list>
/// </remarks>
internal sealed class LibvirtVolumeMethod : SnapshotMethod
{
    public const string MethodName = "libvirt-volume";
    private const string SizeElement = "size";

    public override string Name => MethodName;

    public override MethodTraits Traits { get; } = new(StorageLevel.FileSystem, NeedsVcpuPause: true);

    public override MethodFit Probe(DiskContext disk)
    {
        using var native = DomainFinder.Open(disk.Domain);
        var volume = PoolVolume.Find(native, disk.Disk);
        return WhyUnfit(disk.Disk, volume) is { } why
            ? MethodFit.Impossible(why)
            : new MethodFit(
                disk.WhyNoShell is null ? MethodRank.Possible : MethodRank.Default,
                volume switch
                {
                    { IsLogical: true } => $"an LVM snapshot that libvirt makes in its pool '{volume.Pool}'",
                    { Format: "raw" } => $"a copy that libvirt makes in its pool '{volume.Pool}', with shared blocks, or in full while the domain is shut off",
                    _ => $"a full copy that libvirt makes in its pool '{volume!.Pool}', only while the domain is shut off",
                },
                volume is { IsLogical: true } ? StorageLevel.Device : null,
                volume);
    }

    public override ISnapshotSteps Plan(PlanRequest request) =>
        new VolumeCopyAct(request, [.. request.Disks.Select(target => Plan(request, target))]);

    public override IRemoval PlanRemoval(RemovalRequest request) => new DeletingRemoval(
        request.Disks, record => RefuseUsed(request, record), (now, record) => VolumeCopy.Read(record).Delete(now));

    public override SnapshotRecord Verify(MethodRequest request, SnapshotRecord record, DiskSource? image)
    {
        var copy = VolumeCopy.Read(record);
        var why = copy switch
        {
            _ when copy.Name != $"{SnapshotLabel.Of(record.Set!)}-{record.Target}" => $"'{copy}' is not the name of its snapshot",
            _ when Path.GetFileName(copy.Path) != copy.Name || Path.GetFullPath(copy.Path) != copy.Path => $"'{copy.Path}' is not the path of '{copy}'",
            _ when copy.IsListed(request) && !request.IsVolumeAt(copy.Source, copy.Path) => $"'{copy.Path}' is not the path of '{copy}'",
            _ => VolumeReplacement.Find(record)?.WhyNotOurs(request, copy, record),
        };
        return why is null
            ? (copy with { Format = image is null ? copy.Format : image.Format ?? "raw" }).WriteTo(record)
            : throw record.ToForeign(request.Domain, why);
    }

    /// <summary>A restored disk uses another volume.</summary>
    public override IEnumerable<string>? ImagesOf(SnapshotRecord record) =>
        VolumeReplacement.Find(record) is { } replacement ? [record.Image, replacement.Path] : [record.Image];

    public override Inspection Inspect(MethodRequest request, SnapshotRecord record)
    {
        try
        {
            var copy = VolumeCopy.Read(record);
            return new Inspection(
                copy.IsListed(request) ? SnapshotState.Available : copy.Exists(request) ? SnapshotState.Invalid : SnapshotState.Missing);
        }
        catch (VirtSnapshotException e)
        {
            return new Inspection(e.ErrorId == "SnapshotNotOurs" ? SnapshotState.Invalid : SnapshotState.Unverified);
        }
    }

    public override IRecovery PlanRecovery(MethodRequest request, IReadOnlyList<SnapshotRecord> journaled) => new DeletingRecovery(
        journaled,
        record => $"{VolumeCopy.Read(record)}",
        record => VolumeCopy.Read(record).Exists(request),
        record => VolumeCopy.Read(record).Delete(request));

    public override IReadOnlyList<IDiskRestoration> PlanRestoration(RestoreRequest request) =>
        [.. request.Disks.Select(record => VolumeRestorePlanner.Plan(request, record))];

    public override IDiskRestoration ResumeRestoration(MethodRequest request, RestoreRecord disk) => new VolumeRestoration(request, disk);

    private static void RefuseUsed(RemovalRequest request, SnapshotRecord record)
    {
        var copy = VolumeCopy.Read(record);
        copy.RefuseReader(request);
        if (copy.Exists(request) && VolumeUse.FindDisk(request.Native.Connection, copy.Path) is { } disk)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceShared",
                request.Domain,
                $"The snapshot volume '{copy}' of disk '{record.Target}' of domain '{request.Domain.Name}' cannot be removed while {disk} uses it. "
                + "Nothing was touched. Give that disk a volume of its own, then try again.");
        }
    }

    private static string? WhyUnfit(VmDisk disk, PoolVolume? volume) => volume switch
    {
        null => $"'{disk.Source}' is not a volume of a running storage pool of libvirt ('virsh pool-list --details', 'virsh pool-refresh')",
        { IsFile: false, IsLogical: false } => $"its volume is in a pool of type '{volume.PoolType}', which libvirt cannot snapshot",
        { IsEncrypted: true } => "its volume is encrypted",

        // Neither the copied volume nor a disk restored from it would have the secret.
        _ when disk.IsEncrypted => "it is encrypted",
        { IsLogical: true } when (disk.Format ?? "raw") != "raw" =>
            $"its format is {disk.Format}, and a snapshot of its logical volume would not include its backing images",
        { IsLogical: true, Backing: not null } => "its volume is itself an LVM snapshot, which LVM cannot snapshot",
        { IsFile: true } when volume.Format != (disk.Format ?? "raw") =>
            $"it is used as {disk.Format ?? "raw"}, but libvirt detects the format {volume.Format}",
        { IsFile: true, Format: not ("raw" or "qcow2") } => $"its format is {volume.Format}",
        _ => null,
    };

    private static VolumeCopyPart Plan(PlanRequest request, SnapshotTarget target)
    {
        var (disk, volume) = (target.Disk, (PoolVolume)target.Fit.Finding!);
        if (volume is { IsFile: true, Format: not "raw" } && request.Domain.IsActive)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "DomainRunning",
                disk,
                $"libvirt can copy the {volume.Format} image of disk '{disk.Target}' of domain '{request.Domain.Name}' only while the domain is shut off. "
                + "Nothing was touched. Shut it down first, or use another method.");
        }

        var name = $"{SnapshotLabel.Of(request.Set)}-{disk.Target}";
        var copy = new VolumeCopy(volume.Pool, name, Path.Combine(volume.PoolPath, name), volume.Format, volume.Name);
        return copy.Exists(request)
            ? throw new VirtSnapshotException(
                FailureKind.ResourceExists,
                "SnapshotExists",
                disk,
                $"The pool '{volume.Pool}' of disk '{disk.Target}' of domain '{request.Domain.Name}' already has a volume '{name}'. "
                + "Nothing was touched. Choose another -Name.")
            : new VolumeCopyPart(disk, volume, copy, volume.IsLogical ? ReadCowBytes(request, disk, target.Settings, volume) : 0);
    }

    private static long ReadCowBytes(PlanRequest request, VmDisk disk, DiskSnapshotMethod method, PoolVolume volume)
    {
        var text = method.ToElement().Element(SizeElement)?.Value;
        var bytes = text is null
            ? SnapshotSize.Default(volume.Capacity)
            : SnapshotSize.Parse(text, volume.Capacity) ?? throw Unsuitable(
                request,
                disk,
                $"<{SizeElement}>{text}</{SizeElement}> is not a size: bytes, optionally with K, M, G, T or P, or a percentage of the volume");
        return bytes <= volume.PoolFree
            ? bytes
            : throw new VirtSnapshotException(
                FailureKind.QuotaExceeded,
                "NoSpace",
                disk,
                $"A snapshot of '{volume.Path}' for disk '{disk.Target}' of domain '{request.Domain.Name}' needs {bytes >> 20} MiB, "
                + $"but pool '{volume.Pool}' has {volume.PoolFree >> 20} MiB free. Nothing was touched. Extend the pool, or give a smaller <{SizeElement}>.");
    }

    private static VirtSnapshotException Unsuitable(PlanRequest request, VmDisk disk, string why) => new(
        FailureKind.InvalidOperation,
        "MethodUnsuitable",
        disk,
        $"Method '{MethodName}' cannot snapshot disk '{disk.Target}' of domain '{request.Domain.Name}': {why}. Nothing was touched.");
}
