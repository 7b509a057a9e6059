using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.LibvirtVolume;
using static VirtSnapshot.Tests.Conformance.ConformanceTraits;

namespace VirtSnapshot.Tests.Conformance;

/// <summary>The fast one: it is killed at every step, of the engine's too.</summary>
public sealed class ReflinkConformance(LabFixture lab) : LocalConformance(lab)
{
    private protected override ConformanceTraits Traits { get; } = new("reflink")
    {
        SnapshotSteps = AllSnapshotSteps, RemovalSteps = AllRemovalSteps, RestoreSteps = AllRestoreSteps,
    };

    private protected override IReadOnlyList<string> MakeFileSystem => ["mkfs.xfs", "-q", "-m", "reflink=1"];

    private protected override string FileSystemSize => "320M";
}

/// <summary>Each folder is a subvolume.</summary>
public sealed class BtrfsConformance(LabFixture lab) : LocalConformance(lab)
{
    private protected override ConformanceTraits Traits { get; } = new("btrfs");

    private protected override IReadOnlyList<string> MakeFileSystem => ["mkfs.btrfs", "-q", "-m", "single"];

    private protected override string FileSystemSize => "320M";

    /// <summary>It has given everything to data by then, and has nothing left for metadata until it is balanced.</summary>
    private protected override bool ReusesSpace => false;

    private protected override string MakeFolder(string name)
    {
        var path = Path.Combine(Mount.Folder, name);
        LabScript.RunProgram("btrfs", "subvolume", "create", "--", path);
        return path;
    }

    private protected override void Destroy(DiskSnapshot snapshot) =>
        LabScript.RunProgram("btrfs", "subvolume", "delete", "--", Path.GetDirectoryName(snapshot.BackupSource.Path!)!);
}

/// <summary>The only one that changes the disk, so that removing merges.</summary>
public sealed class QemuConformance(LabFixture lab) : LocalConformance(lab)
{
    private protected override ConformanceTraits Traits { get; } = new("qemu")
    {
        ChangesDisk = true,
        Restore = RestoreEffect.LosesNewer,
        Other = "qemu-internal",

        // Each position is another merge: the newest's overlay is the disk, the oldest's base is the image that the domain began with.
        RemovalSteps =
        [
            .. new[] { Newest, Middle }.SelectMany(position => new[]
            {
                RunStep.RemovalJournaled, RunStep.MergeStarted, RunStep.MergeReady, RunStep.Pivoted, RunStep.CatalogRewritten, RunStep.Discarded,
            }.Select(step => (step, position))),
            (RunStep.Pivoted, Oldest),
        ],
    };

    private protected override IReadOnlyList<string> MakeFileSystem => ["mkfs.ext4", "-q"];

    private protected override string Format => "qcow2";

    private protected override IReadOnlyList<string> HostileNames { get; } =
        ["with space, 'quotes\" $(id) `id` \\", "-l", "driver=raw,file=x", "json:{}", "größer 🐘 [x]"];
}

/// <summary>Snapshots inside the qcow2 image.</summary>
public sealed class QemuInternalConformance(LabFixture lab) : LocalConformance(lab)
{
    private protected override ConformanceTraits Traits { get; } = new("qemu-internal")
    {
        RunningError = "DomainRunning",

        // Each takes seconds.
        Restores = ["s2", "s1"],
    };

    private protected override IReadOnlyList<string> MakeFileSystem => ["mkfs.ext4", "-q"];

    private protected override string Format => "qcow2";

    private protected override IReadOnlyList<string> HostileNames { get; } =
        ["with space, 'quotes\" $(id) `id` \\", "-l", "driver=raw,file=x", "json:{}", "größer 🐘 [x]"];

    private protected override void Destroy(DiskSnapshot snapshot) =>
        LabScript.RunProgram("qemu-img", "snapshot", "-d", snapshot.BackupSource.Snapshot!, snapshot.BackupSource.Path!);
}

/// <summary>Volumes of a pool of type <c>dir</c>, which libvirt clones.</summary>
public sealed class LibvirtVolumeConformance : LocalConformance
{
    private readonly RunningPool pool;

    public LibvirtVolumeConformance(LabFixture lab)
        : base(lab) => pool = Keep(new RunningPool(lab, MakeFolder("vms")));

    private protected override ConformanceTraits Traits { get; } = new("libvirt-volume") { RestoreIsFinal = true, RestoreMovesDisk = true,
        SeesReaders = false };

    private protected override IReadOnlyList<string> MakeFileSystem => ["mkfs.xfs", "-q", "-m", "reflink=1"];

    private protected override string FileSystemSize => "320M";

    private protected override IReadOnlyList<string> HostileNames { get; } = ["with space and 'quotes\" $(id) `id` \\", "-r", "größer 🐘 [x]"];

    /// <summary>Only the pool's own folder has volumes.</summary>
    private protected override string MakeFolder(string name) => base.MakeFolder("vms");

    /// <summary>Without its pool libvirt knows no volume.</summary>
    private protected override IDisposable Hide()
    {
        pool.Dispose();
        return new Undo(() => Lab.Virsh("pool-create-as", RunningPool.Name, "dir", "--target", Path.Combine(Mount.Folder, "vms")));
    }

    private protected override void RefreshStorage() => Lab.Virsh("pool-refresh", RunningPool.Name);
}
