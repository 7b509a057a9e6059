using System.Diagnostics;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Btrfs;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Methods.Volumes;

/// <summary>Real subvolumes under shut-off domains.</summary>
public sealed class BtrfsTests(LabFixture lab) : VolumeTest(lab)
{
    [Fact]
    public void What_a_program_of_a_killed_run_makes_late_is_waited_for_and_cleared_away()
    {
        Btrfs(out var root);
        var domain = Define(Disk(Raw(root, "a.raw")));
        CrashTestProcess.Die(Lab, domain.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Method = "btrfs", Step = RunStep.Frozen });
        var at = VolumeSnapshot.Read(RunJournal.Read(domain.Domain)!.Entries[0].Record).At;
        using var late = Process.Start("sh", ["-c", "sleep 3; exec btrfs -q subvolume snapshot -r \"$1\" \"$2\"", "sh", root, at]);

        using (var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), TestContext.Current.CancellationToken)!)
        {
            Assert.Equal(RepairAction.Undone, plan.Run(TestContext.Current.CancellationToken).Action);
        }

        Assert.True(late.HasExited);
        AssertNothingLeft(domain.Domain);
        Assert.Equal(["a.raw"], Entries(root));
    }

    [Fact]
    public void Another_method_s_snapshot_in_the_same_folder_gets_another_name()
    {
        Btrfs(out var root);
        var domain = Define(Disk(Raw(root, "a.raw")), Disk(Raw(root, "b.raw", content: 2), "vdb"), Disk(Raw(root, "c.raw", content: 3), "vdc"));
        foreach (var (target, method) in new[] { ("vda", "reflink"), ("vdb", "btrfs"), ("vdc", "reflink") })
        {
            Engine.Settings.Set(domain.Domain, [DiskSelector.Parse(target)], DiskSnapshotMethod.Parse(method));
        }

        var snapshots = Engine.Take(domain.Domain, "one");
        Assert.Equal(["reflink", "btrfs", "reflink"], snapshots.Select(snapshot => snapshot.Method));
        Assert.Equal(
            domain.Domain.Disks.Select(disk => ImageDigest.OfFile(disk.Source.Path!)),
            snapshots.Select(snapshot => ImageDigest.OfFile(snapshot.BackupSource.Path!)));
        Assert.All(Engine.List(domain.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
        Engine.Remove(domain.Domain, snapshots);
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    [Trait("Debian13", "yes")]
    public void A_raw_image_on_a_subvolume_of_its_own_gets_it_by_default_and_the_source_stands_still()
    {
        Btrfs(out var root);
        var image = Raw(root, "a.raw");
        var domain = Define(Disk(image));
        var before = ImageDigest.OfFile(image);

        var heard = new HeardReporter();
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", reporter: heard));
        Assert.Equal(("btrfs", Consistency.Offline, SnapshotState.Available), (snapshot.Method, snapshot.Consistency, snapshot.State));
        Assert.Null(snapshot.ModifiedDisk);
        Assert.Equal("raw", snapshot.BackupSource.Format);
        Assert.Matches($"^{root}/\\.virtsnapshot-one-[0-9a-f]{{16}}/a\\.raw$", snapshot.BackupSource.Path);
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        Assert.Equal(image, domain.Domain.FindDisk("vda")!.Source.Path);

        WriteRaw(image, 2);
        Assert.Equal(before, ImageDigest.OfFile(snapshot.BackupSource.Path!));
        Assert.Throws<IOException>(() => WriteRaw(snapshot.BackupSource.Path!, 3));

        Engine.Remove(domain.Domain, snapshot);
        AssertNothingLeft(domain.Domain);
        Assert.Equal(["a.raw"], Entries(root));
    }

    [Fact]
    public void A_qcow2_image_gets_it_only_when_it_is_asked_for()
    {
        Btrfs(out var root);
        var domain = Define(Disk(Qcow2(root, "a.qcow2"), format: "qcow2"));
        var kept = Assert.Single(Engine.Take(domain.Domain, "one"));
        Assert.Equal("qemu", kept.Method);
        Engine.Remove(domain.Domain, kept);
        Assert.Equal("btrfs", Assert.Single(Engine.Take(domain.Domain, "one", method: "btrfs")).Method);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void One_snapshot_serves_all_disks_of_a_subvolume_and_goes_with_the_last()
    {
        var mount = Btrfs(out var root);
        var other = AddSubvolume(mount.Folder, "other");
        var domain = Define(Disk(Raw(root, "a.raw")), Disk(Raw(root, "b.raw"), "vdb"), Disk(Raw(other, "c.raw"), "vdc"));

        var snapshots = Engine.Take(domain.Domain, "one");
        var folders = snapshots.Select(snapshot => Path.GetDirectoryName(snapshot.BackupSource.Path)!).ToList();
        Assert.Equal(folders[0], folders[1]);
        Assert.NotEqual(folders[0], folders[2]);
        Assert.Equal(["a.raw", "b.raw"], Entries(folders[0]));

        Engine.Remove(domain.Domain, snapshots[0], snapshots[2]);
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        Assert.Equal(["c.raw"], Entries(other));
        Engine.Remove(domain.Domain, snapshots[1]);
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_chain_with_relative_names_is_held_as_a_whole()
    {
        Btrfs(out var root);
        Directory.CreateDirectory(Path.Combine(root, "bases"));
        var backing = Qcow2(root, "bases/base.qcow2", content: 5);
        var image = Qcow2(root, "a.qcow2", backing: "bases/base.qcow2");
        var domain = Define(Disk(image, format: "qcow2"));
        var before = ImageDigest.Of(image, "qcow2");

        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", method: "btrfs"));
        BareDomain.WriteOffline(backing, 6);
        Assert.NotEqual(before, ImageDigest.Of(image, "qcow2"));
        Assert.Equal(before, ImageDigest.Of(snapshot.BackupSource));

        // Who reads the base alone reads in the snapshot as well.
        using (File.OpenRead(Path.Combine(Path.GetDirectoryName(snapshot.BackupSource.Path)!, "bases/base.qcow2")))
        {
            Assert.Equal("SourceInUse", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
        }

        Assert.Equal(SnapshotState.Available, Assert.Single(Recorded(domain.Domain)).State);
        Engine.Remove(domain.Domain, snapshot);
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_backing_image_that_the_snapshot_would_not_hold_is_named_and_refused()
    {
        var mount = Btrfs(out var root);
        var outside = Qcow2(mount.Folder, "outside.qcow2");
        AssertUnsuitable(outside, Qcow2(root, "a1.qcow2", backing: "../outside.qcow2"));

        var inside = Qcow2(root, "base.qcow2");
        AssertUnsuitable(inside, Qcow2(root, "a2.qcow2", backing: inside));

        // Below the subvolume, and not in it.
        AddSubvolume(root, "nested");
        var nested = Qcow2(root, "nested/base.qcow2");
        AssertUnsuitable(nested, Qcow2(root, "a3.qcow2", backing: "nested/base.qcow2"));

        // In the snapshot, the relative name would lead to another file.
        Directory.CreateDirectory(Path.Combine(root, "deep"));
        Qcow2(root, "deep/base.qcow2");
        var deep = Qcow2(root, "deep/a4.qcow2", backing: "base.qcow2");
        var link = Path.Combine(root, "link.qcow2");
        File.CreateSymbolicLink(link, deep);
        AssertUnsuitable(inside, link);
    }

    [Fact]
    public void A_backing_image_behind_a_link_that_leads_out_of_the_snapshot_is_refused_and_would_be_found_out()
    {
        Btrfs(out var root);
        Directory.CreateDirectory(Path.Combine(root, "bases"));
        Qcow2(root, "bases/base.qcow2");
        File.CreateSymbolicLink(Path.Combine(root, "link"), Path.Combine(root, "bases"));
        var domain = Define(Disk(Qcow2(root, "a.qcow2", backing: "link/base.qcow2"), format: "qcow2"));
        AssertUnsuitable(domain, "btrfs");

        var request = Order(domain, root);
        var method = new BtrfsMethod();
        var snapshot = method.PlanVolume(request);
        method.Take(Host, [snapshot]);
        method.Expose(Host, snapshot);
        var record = new SnapshotRecord("vda", "btrfs", DiskSource.ForPath(Path.Combine(snapshot.At, "a.qcow2"), "qcow2", isBlockDevice: false),
            snapshot.ToElement());
        Assert.Contains("link/base.qcow2' in it is not", VolumeImages.WhyNotFound(Host, snapshot, record, request.Stack), StringComparison.Ordinal);

        // Mended, it is what it should be.
        File.Delete(Path.Combine(root, "link"));
        File.CreateSymbolicLink(Path.Combine(root, "link"), "bases");
        Assert.True(method.Delete(Host, snapshot));
        method.Take(Host, [snapshot]);
        Assert.Null(VolumeImages.WhyNotFound(Host, snapshot, record, request.Stack));
        Assert.True(method.Delete(Host, snapshot));
        Assert.False(method.Exists(Host, snapshot));
    }

    [Fact]
    public void Images_on_no_subvolume_of_their_own_are_snapshotted_when_it_is_asked_for_and_the_user_is_told()
    {
        var mount = Btrfs(out var root);
        var domain = Define(Disk(Raw(mount.Folder, "a.raw")), Disk(Raw(root, "b.raw"), "vdb"));
        Assert.Equal(["qemu", "btrfs"], Engine.Take(domain.Domain, "default").Select(snapshot => snapshot.Method));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));

        var heard = new HeardReporter();
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", ["vda"], method: "btrfs", reporter: heard));
        Assert.Contains("no subvolume of their own", Assert.Single(heard.Warnings), StringComparison.Ordinal);
        Assert.Equal(mount.Folder, Path.GetDirectoryName(Path.GetDirectoryName(snapshot.BackupSource.Path)));
        Assert.Empty(Entries(Path.Combine(Path.GetDirectoryName(snapshot.BackupSource.Path)!, "vms")));
        Engine.Remove(domain.Domain, snapshot);
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_subvolume_that_is_mounted_by_itself_is_one_of_its_own()
    {
        var mount = Btrfs(out var root);
        var folder = Path.Combine(Lab.Images, "by-itself");
        Raw(root, "a.raw");
        LabScript.RunProgram("umount", mount.Folder);
        Directory.CreateDirectory(folder);
        LabScript.RunProgram("mount", "-o", "subvol=vms", mount.Device, folder);
        try
        {
            var domain = Define(Disk(Path.Combine(folder, "a.raw")));
            var snapshot = Assert.Single(Engine.Take(domain.Domain, "one"));
            Assert.Equal("btrfs", snapshot.Method);
            Engine.Remove(domain.Domain, snapshot);
            AssertNothingLeft(domain.Domain);
        }
        finally
        {
            LabScript.RunProgram("umount", folder);
            Directory.Delete(folder);
            LabScript.RunProgram("mount", mount.Device, mount.Folder);
        }
    }

    [Fact]
    public void Without_copy_on_write_the_user_is_told()
    {
        Btrfs(out var root);
        LabScript.RunProgram("chattr", "+C", root);
        var domain = Define(Disk(Raw(root, "a.raw")));
        var heard = new HeardReporter();
        Engine.Take(domain.Domain, "one", reporter: heard);
        Assert.Contains("copy-on-write", Assert.Single(heard.Warnings), StringComparison.Ordinal);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
    }

    [Fact]
    public void Other_file_systems_and_read_only_ones_are_refused_with_the_reason()
    {
        var domain = Define(Disk(Raw(Lab.Images, "volumes-elsewhere.raw")));
        Assert.Contains("not on btrfs", AssertUnsuitable(domain, "btrfs").Message, StringComparison.Ordinal);

        var mount = Btrfs(out var root);
        var standing = Define(Disk(Raw(root, "a.raw")));
        LabScript.RunProgram("mount", "-o", "remount,ro", mount.Folder);
        Assert.Contains("read-only", AssertUnsuitable(standing, "btrfs").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_reads_like_an_answer_of_the_tool_is_refused()
    {
        Btrfs(out var root, "zeilen\n\tUUID: \t\t\tumbruch");
        var domain = Define(LinkedDisk(Raw(root, "a.raw")));
        Assert.Equal("SourceUnreadable", Engine.Refused(() => Engine.Take(domain.Domain, "one")).ErrorId);
        AssertNothingLeft(domain.Domain);
        Assert.Equal(["a.raw"], Entries(root));
    }

    [Fact]
    public void It_is_not_removed_while_somebody_reads_in_it()
    {
        Btrfs(out var root);
        File.WriteAllText(Path.Combine(root, "notes"), "not a disk's");
        var domain = Define(Disk(Raw(root, "a.raw")));
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one"));
        foreach (var file in new[] { "a.raw", "notes" })
        {
            using (File.OpenRead(Path.Combine(Path.GetDirectoryName(snapshot.BackupSource.Path)!, file)))
            {
                Assert.Equal("SourceInUse", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
                Assert.Equal("SourceInUse", Assert.Throws<VirtSnapshotException>(() => new BtrfsMethod().Delete(Host, RecordOf(domain))).ErrorId);
            }
        }

        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        Engine.Remove(domain.Domain, snapshot);
        AssertNothingLeft(domain.Domain);
    }

    [Theory]
    [InlineData("writable", "btrfs property set -f -ts \"$1\" ro false")]
    [InlineData("another's", "btrfs property set -f -ts \"$1\" ro false && btrfs subvolume delete \"$1\" && btrfs subvolume create \"$1\"")]
    [InlineData("a folder", "btrfs subvolume delete \"$1\" && mkdir \"$1\"")]
    [InlineData("a link", "mv \"$1\" \"$1.moved\" && ln -s \"$1.moved\" \"$1\"")]
    public void What_is_not_ours_any_more_is_not_deleted(string what, string script)
    {
        Btrfs(out var root);
        var domain = Define(Disk(Raw(root, "a.raw")));
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one"));
        var folder = Path.GetDirectoryName(snapshot.BackupSource.Path)!;
        LabScript.RunProgram("sh", "-ec", script, "sh", folder);
        var before = Entries(root);

        Assert.NotEqual(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        Assert.Equal((what, "SnapshotNotOurs"), (what, Engine.RemovalRefused(domain.Domain, snapshot).ErrorId));
        Assert.Equal(before, Entries(root));

        LabScript.TryRunProgram("sh", "-c", "rm -f \"$1\"; rmdir \"$1\"; btrfs subvolume delete \"$1\" \"$1.moved\"", "sh", folder);
        Repair(domain);
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void It_is_not_removed_while_another_domain_s_disk_stands_on_it()
    {
        Btrfs(out var root);
        var domain = Define(Disk(Raw(root, "a.raw")));
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one"));
        var clone = Path.Combine(Lab.Images, "volumes-clone.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", snapshot.BackupSource.Path!, "-F", "raw", clone);
        using (new BareDomain(Lab, "volumes-clone", [Disk(clone, format: "qcow2")], isRunning: false))
        {
            var error = Engine.RemovalRefused(domain.Domain, snapshot);
            Assert.Equal("SourceShared", error.ErrorId);
            Assert.Contains("'volumes-clone'", error.Message, StringComparison.Ordinal);
            Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        }

        File.Delete(clone);
        Engine.Remove(domain.Domain, snapshot);
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_record_that_names_somebody_else_s_snapshot_does_not_delete_it()
    {
        Btrfs(out var root);
        var other = Path.Combine(root, "other");
        LabScript.RunProgram("btrfs", "subvolume", "snapshot", "-r", root, other);
        var uuid = Subvolume.Read(Host, root)!.Uuid;
        var record = new VolumeSnapshot(new Volume(root, root), other, other, new Dictionary<string, string>(StringComparer.Ordinal) { ["uuid"] = uuid });
        Assert.Equal("SnapshotNotOurs", Engine.Refused(() => new BtrfsMethod().Delete(Host, record)).ErrorId);
        Assert.True(Directory.Exists(other));
    }

    [Fact]
    public void A_taken_name_is_refused()
    {
        Btrfs(out var root);
        var domain = Define(Disk(Raw(root, "a.raw")));
        var method = new BtrfsMethod();
        var request = Order(domain, root);
        var planned = method.PlanVolume(request);
        File.CreateSymbolicLink(planned.At, "/nowhere");
        Assert.Equal("SnapshotExists", Engine.Refused(() => method.PlanVolume(request)).ErrorId);

        // Planted after it was planned.
        Assert.Equal("SnapshotNotTaken", Engine.Refused(() => method.Take(Host, [planned])).ErrorId);
        File.Delete(planned.At);
        Directory.CreateDirectory(planned.At);
        method.Take(Host, [planned]);
        Assert.Equal("SnapshotNotTaken", Engine.Refused(() => method.Expose(Host, planned)).ErrorId);
        Assert.Equal("SnapshotNotOurs", Engine.Refused(() => method.Delete(Host, planned)).ErrorId);
    }

    private static VolumeRequest Order(BareDomain domain, string root)
    {
        var now = domain.Domain;
        return new VolumeRequest(
            Host,
            now,
            new Volume(root, root),
            Guid.NewGuid(),
            "virtsnapshot-one",
            DiskSnapshotMethod.Parse("btrfs"),
            now.Disks,
            new StorageProbe(() => Host, now.Disks).StackOf(now.Disks[0]),
            _ => { });
    }

    private static VolumeSnapshot RecordOf(BareDomain domain) => VolumeSnapshot.Read(SnapshotCatalog.ReadDisks(domain.Domain)[0]);

    private void AssertUnsuitable(string backing, string image)
    {
        using var domain = new BareDomain(Lab, "chained", [Disk(image, format: "qcow2")], isRunning: false);
        Assert.Contains($"'{backing}'", AssertUnsuitable(domain, "btrfs").Message, StringComparison.Ordinal);
    }
}
