using VirtSnapshot.Domains;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.Volumes;
using VirtSnapshot.Tests.Storage;
using Xunit;
using SnapshotState = VirtSnapshot.Methods.SnapshotState;

namespace VirtSnapshot.Tests.Methods.LibvirtVolume;

/// <summary>Real volumes in libvirt's pools of directories.</summary>
public sealed class LibvirtVolumeTests(LabFixture lab) : VolumeTest(lab)
{
    private const string Method = "libvirt-volume";
    private const string Pool = RunningPool.Name;

    [Fact]
    [Trait("Debian13", "yes")]
    public void A_snapshot_is_a_volume_of_the_pool_and_is_read_through_libvirt_as_well()
    {
        var folder = Xfs().Folder;
        var domain = Define(Disk(Raw(folder, "a.raw")));
        using var pool = StartPool(folder);
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", method: Method));
        Assert.Matches($"^{folder}/virtsnapshot-one-[0-9a-f]{{16}}-vda$", snapshot.BackupSource.Path);
        Assert.Equal(DiskSourceType.Volume, snapshot.BackupSource.Type);
        Assert.Equal($"{Pool}/{Path.GetFileName(snapshot.BackupSource.Path)}", snapshot.BackupSource.Name);
        Assert.Equal(snapshot.BackupSource, Recorded(domain.Domain).Single().BackupSource);

        // As whoever has no path to the host reads it.
        var copy = Path.Combine(Lab.Images, "volume-downloaded.raw");
        Lab.Virsh("vol-download", "--pool", Pool, Path.GetFileName(snapshot.BackupSource.Path)!, copy);
        Assert.Equal(ImageDigest.OfFile(snapshot.BackupSource.Path!), ImageDigest.OfFile(copy));
        File.Delete(copy);
        Engine.Remove(domain.Domain, snapshot);
        AssertNothing(domain.Domain, "a.raw");
    }

    [Fact]
    public void Where_blocks_cannot_be_shared_a_volume_is_copied_in_full_and_only_while_the_domain_is_shut_off()
    {
        var folder = Keep(new LoopFileSystem(Lab.Images, "volumes-ext4", ["mkfs.ext4", "-q"], "96M")).Folder;
        var image = Raw(folder, "a.raw");
        using var pool = StartPool(folder);
        var domain = Define(Disk(image));
        var before = ImageDigest.OfFile(image);
        var heard = new HeardReporter();
        var snapshot = Assert.Single(Engine.Take(domain.Domain, method: Method, reporter: heard));
        Assert.Contains("copied in full", Assert.Single(heard.Warnings), StringComparison.Ordinal);
        Assert.Equal((Consistency.Offline, before), (snapshot.Consistency, ImageDigest.OfFile(snapshot.BackupSource.Path!)));
        Engine.Remove(domain.Domain, snapshot);

        Lab.Virsh("start", domain.Name);
        var error = Engine.Refused(() => Engine.Take(domain.Domain, method: Method));
        Assert.Equal("MethodUnsuitable", error.ErrorId);
        Assert.Contains("only be copied while the domain is shut off", error.Message, StringComparison.Ordinal);
        AssertNothing(domain.Domain, "a.raw", "lost+found");
        Lab.Virsh("destroy", domain.Name);

        LabScript.TryRunProgram("dd", "if=/dev/zero", $"of={folder}/filler", "bs=1M", "conv=fsync");
        Assert.Equal("NoSpace", Engine.Refused(() => Engine.Take(domain.Domain, method: Method)).ErrorId);
        AssertNothing(domain.Domain, "a.raw", "filler", "lost+found");
    }

    [Fact]
    public void A_qcow2_volume_is_copied_with_all_that_it_stands_on_while_the_domain_is_shut_off()
    {
        var folder = Xfs().Folder;
        Qcow2(folder, "base.qcow2", content: 5);
        var image = Qcow2(folder, "a.qcow2", backing: "base.qcow2");
        BareDomain.WriteOffline(image, 6, "1M");
        using var pool = StartPool(folder);
        var domain = Define(Disk(image, format: "qcow2"));
        var before = ImageDigest.Of(image, "qcow2");
        var snapshot = Assert.Single(Engine.Take(domain.Domain, method: Method));
        File.Move(Path.Combine(folder, "base.qcow2"), Path.Combine(folder, "moved"));
        Assert.Equal(("qcow2", before), (snapshot.BackupSource.Format, ImageDigest.Of(snapshot.BackupSource)));
        File.Move(Path.Combine(folder, "moved"), Path.Combine(folder, "base.qcow2"));
        Engine.Remove(domain.Domain, snapshot);

        Lab.Virsh("start", domain.Name);
        Assert.Equal("DomainRunning", Engine.Refused(() => Engine.Take(domain.Domain, method: Method)).ErrorId);
        AssertNothing(domain.Domain, "a.qcow2", "base.qcow2");
    }

    [Fact]
    public void What_libvirt_knows_no_volume_of_is_refused_with_the_reason()
    {
        var folder = Xfs().Folder;
        var known = Raw(folder, "a.raw");
        var later = "later.raw";
        var domain = Define(Disk(known), Disk(Path.Combine(folder, later), "vdb"));
        Assert.Contains("not a volume of a running storage pool", AssertUnsuitable(domain, Method).Message, StringComparison.Ordinal);

        using var pool = StartPool(folder);
        Raw(folder, later);
        Assert.Contains(later, AssertUnsuitable(domain, Method).Message, StringComparison.Ordinal);

        // A guest can write what it likes to its raw disk.
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", known, "8M");
        Lab.Virsh("pool-refresh", Pool);
        Assert.Contains("libvirt detects the format qcow2", AssertUnsuitable(domain, Method).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_not_removed_while_somebody_reads_it()
    {
        var folder = Xfs().Folder;
        var domain = Define(Disk(Raw(folder, "a.raw")));
        using var pool = StartPool(folder);
        var snapshot = Assert.Single(Engine.Take(domain.Domain, method: Method));
        using (File.Open(snapshot.BackupSource.Path!, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            Assert.Equal("SourceInUse", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
            Assert.True(File.Exists(snapshot.BackupSource.Path));
            Assert.Equal(SnapshotState.Available, Assert.Single(Recorded(domain.Domain)).State);
        }

        Engine.Remove(domain.Domain, snapshot);
        AssertNothing(domain.Domain, "a.raw");
    }

    [Fact]
    public void A_volume_of_a_killed_run_stays_while_somebody_reads_it()
    {
        var folder = Xfs().Folder;
        var domain = Define(Disk(Raw(folder, "a.raw")));
        using var pool = StartPool(folder);
        CrashTestProcess.Die(Lab, domain.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Method = Method, Step = RunStep.Taken });
        var volume = Directory.GetFiles(folder, "virtsnapshot-*").Single();
        using (File.Open(volume, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            Assert.Equal(RepairAction.Incomplete, TryRepair(domain));
            Assert.True(File.Exists(volume));
        }

        Assert.Equal(RepairAction.Undone, TryRepair(domain));
        AssertNothing(domain.Domain, "a.raw");

        static RepairAction TryRepair(BareDomain domain)
        {
            using var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), TestContext.Current.CancellationToken)!;
            return plan.Run(TestContext.Current.CancellationToken).Action;
        }
    }

    [Fact]
    public void It_is_not_removed_while_another_disk_stands_on_it_and_a_record_that_names_something_else_deletes_nothing()
    {
        var folder = Xfs().Folder;
        var domain = Define(Disk(Raw(folder, "a.raw")));
        using var pool = StartPool(folder);
        var snapshot = Assert.Single(Engine.Take(domain.Domain, method: Method));
        using (new BareDomain(Lab, "volumes-clone",
            [$"<disk type='volume' device='disk'>{snapshot.BackupSource.Xml}<target dev='vda' bus='virtio'/></disk>"], isRunning: false))
        {
            var error = Engine.RemovalRefused(domain.Domain, snapshot);
            Assert.Equal("SourceShared", error.ErrorId);
            Assert.Contains("'volumes-clone'", error.Message, StringComparison.Ordinal);
        }

        // Whoever may edit the domain may write into its records.
        var name = Path.GetFileName(snapshot.BackupSource.Path)!;
        var definition = Path.Combine(Lab.Images, $"{domain.Name}-edited.xml");
        File.WriteAllText(definition, domain.Domain.Xml.Replace($"name=\"{name}\"", "name=\"a.raw\"", StringComparison.Ordinal)
            .Replace($"name='{name}'", "name='a.raw'", StringComparison.Ordinal));
        Lab.Virsh("define", definition);
        Assert.Equal(SnapshotState.Foreign, Assert.Single(Recorded(domain.Domain)).State);
        Engine.Remove(domain.Domain, Recorded(domain.Domain));
        Assert.Empty(Recorded(domain.Domain));
        Assert.True(File.Exists(Path.Combine(folder, "a.raw")));
        Assert.True(File.Exists(snapshot.BackupSource.Path));
    }

    private static void AssertNothing(VmDomain domain, params string[] entries)
    {
        AssertNothingLeft(domain);
        Assert.Equal(entries, Entries(Path.GetDirectoryName(domain.Disks[0].Source.Path)!));
    }

    private RunningPool StartPool(string folder) => new(Lab, folder);
}
