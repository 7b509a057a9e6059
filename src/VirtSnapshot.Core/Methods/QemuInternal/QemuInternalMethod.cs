using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.QemuInternal;

/// <summary>
/// Method <c>qemu-internal</c>: a snapshot inside the qcow2 image itself, of a domain that is shut off. No file is made, and the disk is not changed.
/// </summary>
/// <remarks>
/// <para>Facts (https://www.qemu.org/docs/master/tools/qemu-img.html, docs/interop/qcow2.txt, and tests with QEMU 7.2):</para>
/// <list type="bullet">
/// <item>Taking one copies the L1 table and increments each cluster's refcount: milliseconds, independent of the size. After that the first write to a
/// cluster allocates a new one.</item>
/// <item>It holds the clusters of the top image. Other clusters are read from the backing images, which are immutable as long as the overlay
/// exists.</item>
/// <item>QEMU's image lock protects an image in use, also if the domain is started at the same moment: qemu-img fails, and nothing is changed.</item>
/// <item>A killed qemu-img leaks clusters at worst (<c>qemu-img check -r leaks</c>): the header is written last.</item>
/// <item>Several snapshots may have the same name, and ids are assigned per image: only a unique name identifies a snapshot.</item>
/// <item>libvirt does not list it, and QEMU cannot open it by a <c>&lt;source&gt;</c> of a file or a JSON file name. It is read with
/// <c>qemu-img convert -l snapshot.name=NAME</c> or <c>qemu-nbd -r -l snapshot.name=NAME</c>; while the domain runs <c>convert</c> needs <c>-U</c>: the
/// snapshot's clusters do not change.</item>
/// <item>Encrypted images need the secret; images with an external data file have no internal snapshots.</item>
/// </list>
/// </remarks>
internal sealed class QemuInternalMethod : SnapshotMethod
{
    public const string MethodName = "qemu-internal";

    public override string Name => MethodName;

    public override MethodTraits Traits { get; } = new(StorageLevel.Image);

    public override MethodFit Probe(DiskContext disk) => disk.Disk switch
    {
        { Format: not "qcow2" and var format } => MethodFit.Impossible($"its format is {format ?? "raw"}, and only qcow2 has internal snapshots"),
        { Source.Path: null } => MethodFit.Impossible("its image is not a file or device of the host"),
        { Source.Xml: var xml } when SafeXml.Parse(xml).Elements().Any(element => element.Name.LocalName == "slices") =>
            MethodFit.Impossible("its image is a part of a file"),
        { IsEncrypted: true } => MethodFit.Impossible("its image is encrypted, and qemu-img does not have the secret"),
        _ when disk.Domain.IsActive => new MethodFit(MethodRank.Possible, "a snapshot inside its qcow2 image, only while the domain is shut off"),
        _ => new MethodFit(MethodRank.Possible, "a snapshot inside its qcow2 image, possible because the domain is shut off"),
    };

    public override ISnapshotSteps Plan(PlanRequest request)
    {
        RefuseRunning(request, "taken");
        var name = SnapshotLabel.Of(request.Set);
        return new InternalSnapshotAct(request.Host, [.. request.Disks.Select(target => (target.Disk, Plan(request, target.Disk, name)))]);
    }

    public override IRemoval PlanRemoval(RemovalRequest request)
    {
        var open = new Lazy<OpenFiles>(request.Host.ReadOpenFiles);
        return new DeletingRemoval(request.Disks, record => RefuseInUse(request, record, open), Delete);
    }

    public override SnapshotRecord Verify(MethodRequest request, SnapshotRecord record, DiskSource? image)
    {
        var snapshot = InternalSnapshot.Read(record);
        return !SnapshotLabel.IsOf(snapshot.Name, record.Set!) ? throw record.ToForeign(request.Domain, $"'{snapshot.Name}' is not the name of its snapshot")
            : snapshot.Image != record.Image ? throw record.ToForeign(request.Domain, $"it is in '{snapshot.Image}', not in '{record.Image}'")
            : !HostPath.IsPlain(snapshot.Image) ? throw record.ToForeign(request.Domain, $"'{snapshot.Image}' is not the path of an image")
            : record with { Source = image is null ? DiskSource.None : snapshot.ToSource(isBlockDevice: image.Type == DiskSourceType.Block) };
    }

    public override Inspection Inspect(MethodRequest request, SnapshotRecord record)
    {
        try
        {
            return new Inspection(!InternalSnapshot.Read(record).Exists(request.Host) ? SnapshotState.Missing
                : record.Source.Path is null ? SnapshotState.Unverified : SnapshotState.Available);
        }
        catch (VirtSnapshotException e)
        {
            return new Inspection(e.ErrorId == "SnapshotNotOurs" ? SnapshotState.Invalid : SnapshotState.Unverified);
        }
    }

    public override IRecovery PlanRecovery(MethodRequest request, IReadOnlyList<SnapshotRecord> journaled) => new DeletingRecovery(
        journaled,
        record => $"{InternalSnapshot.Read(record)}",
        record => InternalSnapshot.Read(record).Exists(request.Host),
        record => Delete(request, record));

    public override IReadOnlyList<IDiskRestoration> PlanRestoration(RestoreRequest request)
    {
        var use = new Lazy<ImageUse>(() => ImageUse.Read(request));
        return
        [
            .. request.Disks.Select(record =>
            {
                var disk = request.Domain.FindDisk(record.Target)!;
                var restoration = new InternalRestoration(request, new RestoreRecord(request.Group, record, record, []));
                LiveSource.RefuseOther(request, disk, restoration.Image, InternalSnapshot.Read(record).Name);
                LiveSource.RefuseUsers(request, use.Value, disk, restoration.Image);
                return restoration;
            }),
        ];
    }

    public override IDiskRestoration ResumeRestoration(MethodRequest request, RestoreRecord disk) => new InternalRestoration(request, disk);

    private static void Delete(MethodRequest request, SnapshotRecord record)
    {
        var snapshot = InternalSnapshot.Read(record);
        if (snapshot.Exists(request.Host))
        {
            RefuseRunning(request, "removed");
            snapshot.Delete(request.Host);
        }
    }

    private static void RefuseInUse(RemovalRequest request, SnapshotRecord record, Lazy<OpenFiles> open)
    {
        var snapshot = InternalSnapshot.Read(record);
        if (!snapshot.Exists(request.Host))
        {
            return;
        }

        RefuseRunning(request, "removed");
        if (open.Value.FindUsers(snapshot.Image) is [{ } user, ..])
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceInUse",
                request.Domain,
                $"The internal snapshot '{snapshot.Name}' of disk '{record.Target}' of domain '{request.Domain.Name}' cannot be removed: "
                + $"'{snapshot.Image}' is in use by {user}. Nothing was touched. Wait until the backup has finished, then try again.");
        }
    }

    /// <summary>While the domain runs only QEMU itself can change the image, and its command for that saves the guest's memory and pauses the guest.</summary>
    private static void RefuseRunning(MethodRequest request, string doing)
    {
        if (request.Domain.IsActive)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "DomainRunning",
                request.Domain,
                $"Internal snapshots of domain '{request.Domain.Name}' can only be {doing} while it is shut off. Nothing was touched. "
                + "Shut it down, then try again.");
        }
    }

    private static InternalSnapshot Plan(PlanRequest request, VmDisk disk, string name)
    {
        var snapshot = new InternalSnapshot(disk.Source.Path!, name);
        if (request.Host.Stat(snapshot.Image, followLink: true) is null)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "SourceMissing",
                disk,
                $"The source '{snapshot.Image}' of disk '{disk.Target}' of domain '{request.Domain.Name}' does not exist on host '{request.Host.Name}'. "
                + "Nothing was touched.");
        }

        var names = snapshot.ReadAll(request.Host, out var unsuitable);
        if (unsuitable is not null)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "MethodUnsuitable",
                disk,
                $"Method '{MethodName}' cannot snapshot disk '{disk.Target}' of domain '{request.Domain.Name}': {unsuitable}. Nothing was touched.");
        }

        return names.All(found => found.Name != name)
            ? snapshot
            : throw new VirtSnapshotException(
                FailureKind.ResourceExists,
                "SnapshotExists",
                disk,
                $"The image '{snapshot.Image}' of disk '{disk.Target}' of domain '{request.Domain.Name}' already has an internal snapshot '{name}'. "
                + "Nothing was touched. Choose another -Name.");
    }
}
