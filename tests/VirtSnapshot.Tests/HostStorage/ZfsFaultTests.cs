using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Methods.Zfs;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>What ZFS refuses, and what is left behind when something goes wrong: nothing.</summary>
public sealed class ZfsFaultTests(LabHost host) : ZfsTest(host)
{
    [Fact]
    public void A_clone_s_or_forged_record_of_another_domain_s_datasets_deletes_nothing()
    {
        var guest = Define($"raw:{NodeOf(Zvol())}", $"raw:{FolderOf(Dataset())}/a.raw");
        Engine.Take(guest.Domain, "one", method: "zfs");
        AssertNobodyElseCanClaim(guest);
    }

    [Fact]
    public void What_somebody_reads_stays_until_he_has_ended()
    {
        var (dataset, zvol) = (Dataset(), Zvol());
        var guest = Define($"raw:{FolderOf(dataset)}/a.img", $"raw:{NodeOf(zvol)}");
        var set = Engine.Take(guest.Domain, "read");
        foreach (var snapshot in set)
        {
            Host.Run("sh", "-c", "sleep 1000 <\"$1\" >/dev/null 2>&1 & echo $! >/run/reader", "sh", snapshot.BackupSource.Path!);
            var error = Engine.RemovalRefused(guest.Domain, [snapshot]);
            Assert.Equal((FailureKind.ResourceBusy, "SourceInUse"), (error.Kind, error.ErrorId));
            Assert.Null(RunJournal.Read(guest.Domain));
            Host.Run("sh", "-c", "kill $(cat /run/reader)");
        }

        // Who merely stands in it keeps it busy as well.
        Host.Run("sh", "-c", "cd \"$1\" && { sleep 1000 >/dev/null 2>&1 & echo $! >/run/reader; }", "sh", Path.GetDirectoryName(set[0].BackupSource.Path!)!);
        Assert.Equal("SourceInUse", Engine.RemovalRefused(guest.Domain, [set[0]]).ErrorId);
        Assert.Null(RunJournal.Read(guest.Domain));
        Assert.Equal("1", Host.Run("zfs", "get", "-H", "-o", "value", "userrefs", NameOf(dataset)).Trim());
        Host.Run("sh", "-c", "kill $(cat /run/reader)");
        Engine.Remove(guest.Domain, [set[0]]);
        Engine.Remove(guest.Domain, [set[1]]);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void What_somebody_else_holds_or_has_cloned_is_refused_before_anything_is_touched()
    {
        var dataset = Dataset();
        var guest = Define($"raw:{FolderOf(dataset)}/a.img");
        var set = Engine.Take(guest.Domain, "held");
        Host.Run("zfs", "hold", "some body", NameOf(dataset));
        AssertRefused("'some body'");
        Host.Run("zfs", "release", "some body", NameOf(dataset));

        Host.Run("zfs", "clone", NameOf(dataset), "tank/vms/a clone");
        Afterwards("zfs", "destroy", "tank/vms/a clone");
        AssertRefused("'tank/vms/a clone' is a clone of it");
        Host.Run("zfs", "destroy", "tank/vms/a clone");
        Engine.Remove(guest.Domain, set);
        AssertNothingLeft(guest.Domain);

        void AssertRefused(string why)
        {
            var error = Engine.RemovalRefused(guest.Domain, set);
            Assert.Equal("SourceInUse", error.ErrorId);
            Assert.Contains(why, error.Message, StringComparison.Ordinal);
            Assert.Null(RunJournal.Read(guest.Domain));
            Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(guest.Domain)).State);
        }
    }

    [Fact]
    public void Only_what_carries_the_sets_mark_is_deleted()
    {
        var (dataset, zvol) = (Dataset(), Zvol());
        var guest = Define($"raw:{FolderOf(dataset)}/a.img", $"raw:{NodeOf(zvol)}");
        var set = Engine.Take(guest.Domain, "marked");
        foreach (var (name, disk) in new[] { (NameOf(dataset), 0), (Ours().Single(name => name.StartsWith("tank/virtsnapshot", StringComparison.Ordinal)), 1) })
        {
            var mark = Host.Run("zfs", "get", "-H", "-o", "value", ZfsSnapshot.Mark, name).Trim();
            Host.Run("zfs", "inherit", ZfsSnapshot.Mark, name);

            // What the dataset is marked with, is not on the snapshot itself.
            Host.Run("zfs", "set", $"{ZfsSnapshot.Mark}={mark}", "tank");
            Afterwards("zfs", "inherit", ZfsSnapshot.Mark, "tank");
            Assert.Equal(SnapshotState.Invalid, Engine.List(guest.Domain).Single(snapshot => snapshot.Disk == set[disk].Disk).State);
            Engine.RemovalRefused(guest.Domain, [set[disk]]);
            Host.Run("zfs", "list", name);

            Host.Run("zfs", "inherit", ZfsSnapshot.Mark, "tank");
            Host.Run("zfs", "set", $"{ZfsSnapshot.Mark}={mark}", name);
        }

        Repair(guest.Domain);
        Engine.Remove(guest.Domain, [.. Engine.List(guest.Domain)]);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void A_name_that_is_taken_or_too_long_is_refused()
    {
        var zvol = Zvol();
        var guest = Define($"raw:{NodeOf(zvol)}");
        var domain = guest.Domain;
        var own = HostFinder.For(domain.Uri, domain);
        var stack = new StorageProbe(() => own, domain.Disks).StackOf(domain.Disks[0]);
        VolumeRequest Order(string label) =>
            new(own, domain, new Volume(zvol, null), Guid.NewGuid(), label, DiskSnapshotMethod.Parse("zfs"), domain.Disks, stack, _ => { });
        var method = new ZfsMethod();
        Host.Run("zfs", "snapshot", $"{zvol}@virtsnapshot-taken");
        Host.Run("zfs", "create", "-s", "-V", "1M", "tank/virtsnapshot-clone");
        Afterwards("zfs", "destroy", "tank/virtsnapshot-clone");

        Assert.Equal("SnapshotExists", Engine.Refused(() => method.PlanVolume(Order("virtsnapshot-taken"))).ErrorId);
        Assert.Equal("SnapshotExists", Engine.Refused(() => method.PlanVolume(Order("virtsnapshot-clone"))).ErrorId);
        Assert.Equal("InvalidSnapshotName", Engine.Refused(() => method.PlanVolume(Order($"virtsnapshot-{new string('a', 240)}"))).ErrorId);

        // The race between planning and taking it: somebody was faster, and keeps what he has.
        var late = method.PlanVolume(Order("virtsnapshot-late"));
        Host.Run("zfs", "snapshot", late.Name);
        Assert.Equal("SnapshotExists", Engine.Refused(() => method.Take(own, [late])).ErrorId);
        Assert.Equal("SnapshotNotOurs", Engine.Refused(() => method.Delete(own, late)).ErrorId);
        Host.Run("zfs", "list", late.Name);
    }

    [Fact]
    public void A_pool_without_room_is_refused_with_what_is_needed()
    {
        var pool = Pool();
        var zvol = Zvol(pool, isSparse: false, "96M");
        var guest = Define($"raw:{NodeOf(zvol)}", $"raw:/srv/{pool}/b.img");
        Host.Run("dd", "if=/dev/urandom", $"of={NodeOf(zvol)}", "bs=1M", "count=96", "oflag=direct");
        Host.Run("zpool", "sync", pool);

        var error = Engine.Refused(() => Engine.Take(guest.Domain, "thick", disks: ["vda"]));
        Assert.Equal((FailureKind.QuotaExceeded, "NoSpace"), (error.Kind, error.ErrorId));
        Assert.Contains($"zfs set refreservation=none {zvol}", error.Message, StringComparison.Ordinal);

        Host.TryRun("dd", "if=/dev/urandom", $"of=/srv/{pool}/filler", "bs=1M");
        Host.Run("zpool", "sync", pool);
        error = Engine.Refused(() => Engine.Take(guest.Domain, "full", disks: ["vdb"]));
        Assert.Equal((FailureKind.QuotaExceeded, "NoSpace"), (error.Kind, error.ErrorId));
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void A_pool_that_cannot_be_written_is_refused_at_once()
    {
        var pool = Pool();
        var guest = Define($"raw:/srv/{pool}/a.img");
        var set = Engine.Take(guest.Domain, "kept");

        // As long as all is well, it is answered in that time.
        var patience = TimeSpan.FromSeconds(15);
        using (Host.Impatient(patience))
        {
            Assert.Equal(SnapshotState.Available, StateOf(guest.Domain));
        }

        // Not there: a snapshot in it is missing, and is not taken for deleted.
        Host.Run("zpool", "export", pool);
        Assert.Equal(SnapshotState.Missing, Assert.Single(Engine.List(guest.Domain)).State);
        Assert.Equal("PoolUnusable", Engine.RemovalRefused(guest.Domain, set).ErrorId);

        Host.Run("zpool", "import", "-o", "readonly=on", pool);
        Assert.Equal((FailureKind.ResourceUnavailable, "PoolUnusable"), Fields(Engine.Refused(() => Engine.Take(guest.Domain, "readonly", method: "zfs"))));

        // Its device gone: every command that writes would wait for ever.
        Host.Run("zpool", "export", pool);
        var device = Host.Run("sh", "-c", "readlink -f /dev/vg/\"$(lvs --noheadings -o lv_name vg | grep pool | tr -d ' ' | tail -n 1)\"").Trim();
        var sectors = Host.Run("blockdev", "--getsz", device).Trim();
        Host.Run("dmsetup", "create", "flaky", "--table", $"0 {sectors} linear {device} 0");
        Afterwards("dmsetup", "remove", "-f", "flaky");
        Host.Run("zpool", "import", "-d", "/dev/mapper/flaky", pool);
        Afterwards("zpool", "destroy", "-f", pool);
        Host.Run("dmsetup", "suspend", "flaky");
        Host.Run("dmsetup", "load", "flaky", "--table", $"0 {sectors} error");
        Host.Run("dmsetup", "resume", "flaky");
        Host.Run("sh", "-c", "{ dd if=/dev/urandom of=\"$1\" bs=1M count=1; zpool sync \"$2\"; } >/dev/null 2>&1 &", "sh", $"/srv/{pool}/x", pool);
        Host.Run("sh", "-c", "until [ \"$(zpool list -H -o health \"$1\")\" = SUSPENDED ]; do sleep 0.2; done", "sh", pool);
        // Whoever asks for anything in it gets no answer, nor can he be stopped.
        using (Host.Impatient(patience))
        {
            Assert.Equal((FailureKind.OperationTimeout, "HostSilent"), Fields(Engine.RemovalRefused(guest.Domain, set)));
        }

        Host.Run("dmsetup", "suspend", "flaky");
        Host.Run("dmsetup", "load", "flaky", "--table", $"0 {sectors} linear {device} 0");
        Host.Run("dmsetup", "resume", "flaky");
        Host.Run("zpool", "clear", pool);
        Engine.Remove(guest.Domain, set);
        AssertNothingLeft(guest.Domain);

        static (FailureKind, string) Fields(VirtSnapshotException error) => (error.Kind, error.ErrorId);
    }

    [Fact]
    public void An_image_is_found_through_a_bind_mount_and_in_a_legacy_mount()
    {
        var (bound, legacy) = (Dataset(), Dataset("mountpoint=legacy"));
        Host.Run("mkdir", "-p", "/mnt/bound", "/mnt/legacy");
        Host.Run("mount", "--bind", FolderOf(bound), "/mnt/bound");
        Afterwards("umount", "/mnt/bound");
        Host.Run("mount", "-t", "zfs", legacy, "/mnt/legacy");
        Afterwards("umount", "/mnt/legacy");
        var guest = Define("raw:/mnt/bound/a.img", "raw:/mnt/legacy/b.img");
        var set = Engine.Take(guest.Domain, "mounts");
        Assert.Equal(["zfs", "zfs"], set.Select(snapshot => snapshot.Method));
        Assert.StartsWith(FolderOf(bound), set[0].BackupSource.Path, StringComparison.Ordinal);
        Assert.All(set, snapshot => Host.Run("cmp", snapshot.BackupSource.Path!, guest.Domain.FindDisk(snapshot.Disk)!.Source.Path!));
        Engine.Remove(guest.Domain, set);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void Two_images_in_one_dataset_have_one_snapshot_and_the_last_of_them_deletes_it()
    {
        var dataset = Dataset();
        var guest = Define($"raw:{FolderOf(dataset)}/$(touch '\"x) ", $"raw:{FolderOf(dataset)}/-rf; & ü");
        var set = Engine.Take(guest.Domain, "shared");
        Assert.Single(Ours(), name => name.Contains('@', StringComparison.Ordinal) && name.StartsWith("tank", StringComparison.Ordinal));
        Engine.Remove(guest.Domain, [set[0]]);
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(guest.Domain)).State);
        Engine.Remove(guest.Domain, [set[1]]);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void Wherever_a_run_dies_repairing_leaves_nothing_or_the_whole_set()
    {
        var (dataset, zvol) = (Dataset(), Zvol());
        var guest = Define($"raw:{FolderOf(dataset)}/a.img", $"raw:{NodeOf(zvol)}");
        // In the midst of holding and cloning. What may be left of that, piece by piece: Deleting_goes_on_from_wherever_it_ended.
        var request = Dying(CrashTestWork.Snapshot, RunStep.Thawed) with { End = CrashTestEnd.KilledLater, DelayMilliseconds = 900 };
        using (var crashTest = CrashTestProcess.Start(Host.Uri, guest.Name, request))
        {
            crashTest.WaitForEnd();
        }

        Repair(guest.Domain);
        Engine.Remove(guest.Domain, [.. Engine.List(guest.Domain)]);
        AssertNothingLeft(guest.Domain);
        AssertRepairedWhereverARunDies(guest);
    }

    [Theory]
    [InlineData("clone")]
    [InlineData("hold")]
    [InlineData("snapshot")]
    public void Deleting_goes_on_from_wherever_it_ended(string gone)
    {
        var zvol = Zvol();
        var guest = Define($"raw:{NodeOf(zvol)}");
        var set = Engine.Take(guest.Domain, "half");
        Host.Run("zfs", "destroy", $"tank/{NameOf(zvol).Split('@')[1]}");
        Assert.Equal(SnapshotState.Missing, Assert.Single(Engine.List(guest.Domain)).State);
        if (gone is "hold" or "snapshot")
        {
            Host.Run("zfs", "release", "virtsnapshot", NameOf(zvol));
        }

        if (gone == "snapshot")
        {
            Host.Run("zfs", "destroy", NameOf(zvol));
        }

        Engine.Remove(guest.Domain, set);
        AssertNothingLeft(guest.Domain);
    }

    private string NameOf(string dataset) => Host.Run("zfs", "list", "-H", "-t", "snapshot", "-o", "name", dataset).Trim();
}
