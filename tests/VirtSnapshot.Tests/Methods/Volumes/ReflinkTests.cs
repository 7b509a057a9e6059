using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Methods.Reflink;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Methods.Volumes;

/// <summary>Real clones of the images of shut-off domains.</summary>
public sealed class ReflinkTests(LabFixture lab) : VolumeTest(lab)
{
    [Theory]
    [InlineData("xfs", "raw")]
    [InlineData("xfs", "qcow2")]
    [InlineData("btrfs", "raw")]
    [Trait("Debian13", "yes")]
    public void Every_image_is_cloned_beside_itself_and_the_clones_stand_still(string fileSystem, string format)
    {
        var folder = fileSystem == "xfs" ? Xfs().Folder : Btrfs(out _).Folder;
        string[] names = ["a", "b"];
        string[] images = [.. names.Select(name => format == "raw" ? Raw(folder, name) : Qcow2(folder, name))];
        var domain = Define(Disk(images[0], format: format), Disk(images[1], "vdb", format));
        Assert.All(Engine.Take(domain.Domain, "default"), snapshot => Assert.Equal("qemu", snapshot.Method));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        LabScript.RunProgram("chown", "64055:64055", images[0]);
        LabScript.RunProgram("chmod", "644", images[0]);
        var entries = Entries(folder);
        var before = images.Select(ImageDigest.OfFile).ToList();

        var snapshots = Engine.Take(domain.Domain, "one", method: "reflink");
        Assert.All(snapshots, snapshot =>
        {
            Assert.Equal(("reflink", Consistency.Offline, SnapshotState.Available), (snapshot.Method, snapshot.Consistency, snapshot.State));
            Assert.Equal(format, snapshot.BackupSource.Format);
            Assert.Null(snapshot.ModifiedDisk);
            Assert.Matches($"^{folder}/\\.virtsnapshot-one-[0-9a-f]{{16}}(-1)?$", snapshot.BackupSource.Path);
            Assert.Equal(UnixFileMode.UserRead, File.GetUnixFileMode(snapshot.BackupSource.Path!));
        });
        Assert.Equal(2, snapshots.Select(snapshot => snapshot.BackupSource.Path).Distinct().Count());
        Assert.Equal(64055u, Host.Stat(snapshots[0].BackupSource.Path!)!.Owner);
        Assert.True(SharesBlocks(snapshots[0].BackupSource.Path!));

        foreach (var image in images)
        {
            WriteRaw(image, 9);
        }

        Assert.Equal(before, snapshots.Select(snapshot => ImageDigest.OfFile(snapshot.BackupSource.Path!)));
        Engine.Remove(domain.Domain, snapshots[0]);
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        Engine.Remove(domain.Domain, snapshots[1]);
        AssertNothingLeft(domain.Domain);
        Assert.Equal(entries, Entries(folder));
    }

    /// <summary>
    /// A guest may write anything into its raw disk, and so into each copy of it: the header of an image that stands on another domain's, say.
    /// </summary>
    [Theory]
    [InlineData("the other's base")]
    [InlineData("a NUL")]
    [InlineData("900 letters")]
    public void What_a_guest_writes_into_a_raw_disk_is_not_taken_for_an_image(string backing)
    {
        var folder = Xfs().Folder;
        using var other = new BareDomain(Lab, "other", [Disk(Qcow2(folder, "other.qcow2"), format: "qcow2")], isRunning: false);
        var image = Raw(folder, "guest.raw");
        var domain = Define(LinkedDisk(image));
        var name = backing switch
        {
            "a NUL" => "/a\0b",
            "900 letters" => new string('a', 900),
            _ => other.Domain.FindDisk("vda")!.Source.Path!,
        };
        using (var file = File.OpenWrite(image))
        {
            file.Write(Qcow2Image.Empty(8 << 20, name, "qcow2"));
        }

        Engine.Take(domain.Domain, "one", method: "reflink");
        Engine.Take(other.Domain, "two");
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(other.Domain)).State);
        Engine.Remove(other.Domain, Engine.List(other.Domain));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void File_systems_that_cannot_clone_and_read_only_ones_are_refused_with_the_reason()
    {
        var domain = Define(Disk(Raw(Lab.Images, "volumes-elsewhere.raw")));
        Assert.Contains("cannot share blocks", AssertUnsuitable(domain, "reflink").Message, StringComparison.Ordinal);

        var mount = Xfs();
        var standing = Define(Disk(Raw(mount.Folder, "a.raw")));
        LabScript.RunProgram("mount", "-o", "remount,ro", mount.Folder);
        Assert.Contains("read-only", AssertUnsuitable(standing, "reflink").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_disk_with_a_backing_image_is_refused_and_the_image_is_named()
    {
        var mount = Xfs();
        var backing = Qcow2(mount.Folder, "base.qcow2");
        var domain = Define(Disk(Qcow2(mount.Folder, "a.qcow2", "base.qcow2"), format: "qcow2"));
        Assert.Contains($"'{backing}'", AssertUnsuitable(domain, "reflink").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_that_btrfs_would_not_clone_into_its_folder_is_refused()
    {
        var mount = Btrfs(out _);
        var image = Path.Combine(mount.Folder, "a.raw");
        LabScript.RunProgram("sh", "-c", "touch \"$1\" && chattr +C \"$1\"", "sh", image);
        WriteRaw(image, 1);
        var domain = Define(Disk(image));
        Assert.Contains("copy-on-write", AssertUnsuitable(domain, "reflink").Message, StringComparison.Ordinal);

        LabScript.RunProgram("chattr", "+C", mount.Folder);
        Engine.Take(domain.Domain, "one", method: "reflink");
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void It_is_not_removed_while_somebody_reads_it()
    {
        var mount = Xfs();
        var domain = Define(Disk(Raw(mount.Folder, "a.raw")));
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", method: "reflink"));
        using (File.OpenRead(snapshot.BackupSource.Path!))
        {
            Assert.Equal("SourceInUse", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
            var record = VolumeSnapshot.Read(SnapshotCatalog.ReadDisks(domain.Domain)[0]);
            Assert.Equal("SourceInUse", Engine.Refused(() => new ReflinkMethod().Delete(Host, record)).ErrorId);
        }

        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        Engine.Remove(domain.Domain, snapshot);
        AssertNothingLeft(domain.Domain);
    }

    [Theory]
    [InlineData("chmod u+w \"$1\"")]
    [InlineData("rm -f \"$1\" && mkdir \"$1\"")]
    [InlineData("mv \"$1\" \"$1.moved\" && ln -s \"$1.moved\" \"$1\"")]
    public void What_is_not_ours_any_more_is_not_deleted(string script)
    {
        var mount = Xfs();
        var domain = Define(Disk(Raw(mount.Folder, "a.raw")));
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", method: "reflink"));
        var copy = snapshot.BackupSource.Path!;
        LabScript.RunProgram("sh", "-ec", script, "sh", copy);
        var before = Entries(mount.Folder);

        Assert.Equal(SnapshotState.Invalid, Assert.Single(Engine.List(domain.Domain)).State);
        Assert.Equal("SnapshotNotOurs", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
        Assert.Equal(before, Entries(mount.Folder));

        LabScript.RunProgram("rm", "-rf", copy, $"{copy}.moved");
        Repair(domain);
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void What_stands_under_its_name_is_neither_followed_nor_written_to()
    {
        var mount = Xfs();
        var domain = Define(Disk(Raw(mount.Folder, "a.raw")));
        var method = new ReflinkMethod();
        var request = new VolumeRequest(
            Host,
            domain.Domain,
            new Volume(Path.Combine(mount.Folder, "a.raw"), null),
            Guid.NewGuid(),
            "virtsnapshot-one",
            DiskSnapshotMethod.Parse("reflink"),
            domain.Domain.Disks,
            new StorageProbe(() => Host, domain.Domain.Disks).StackOf(domain.Domain.Disks[0]),
            _ => { });
        var planned = method.PlanVolume(request);
        var crashTest = Path.Combine(mount.Folder, "crash-test");
        File.WriteAllText(crashTest, "precious");
        File.CreateSymbolicLink(planned.At, crashTest);
        Assert.Equal("SnapshotExists", Engine.Refused(() => method.PlanVolume(request)).ErrorId);

        // Planted after it was planned: the link goes, and what it leads to is not touched.
        method.Take(Host, [planned]);
        method.Expose(Host, planned);
        Assert.Equal("precious", File.ReadAllText(crashTest));
        Assert.True(method.Delete(Host, planned));

        Directory.CreateDirectory(planned.At);
        Assert.Equal("SnapshotNotTaken", Engine.Refused(() => method.Take(Host, [planned])).ErrorId);
        Assert.Equal("SnapshotNotOurs", Engine.Refused(() => method.Delete(Host, planned)).ErrorId);
        Assert.Empty(Entries(planned.At));
    }

    [Fact]
    public void A_record_that_names_somebody_else_s_file_does_not_delete_it()
    {
        var other = Path.Combine(Lab.Images, "volumes-precious");
        File.WriteAllText(other, "precious");
        File.SetUnixFileMode(other, UnixFileMode.UserRead);
        var record = new VolumeSnapshot(
            new Volume(Path.Combine(Lab.Images, "a.raw"), null), other, other, new Dictionary<string, string>(StringComparer.Ordinal));
        Assert.Equal("SnapshotNotOurs", Engine.Refused(() => new ReflinkMethod().Delete(Host, record)).ErrorId);
        Assert.True(File.Exists(other));
        File.Delete(other);
    }

    /// <summary>Real storage that is slow by itself: each extent is shared by itself.</summary>
    [Fact]
    public void A_fragmented_image_is_cloned_behind_a_shield_and_the_guest_writes_on()
    {
        var folder = Xfs("1G").Folder;
        using var guest = Lab.ThrowawayIn(folder, "fragmented", "--format", "raw");
        Assert.False(IsShielded(guest));

        // Beyond what QEMU knows of it, every other block becomes a hole.
        var image = guest.Domain.Disks[0].Source.Path!;
        LabScript.RunProgram(
            "sh",
            "-ec",
            """
            size=$(stat -c %s "$1")
            dd if=/dev/zero of="$1" bs=1M seek=$((size >> 20)) count=100 conv=notrunc,fsync status=none
            awk -v size="$size" 'BEGIN { for (i = 0; i < 12000; i++) printf "fpunch %.0f 4096\n", size + i * 8192 }' | xfs_io "$1" >/dev/null
            """,
            "sh",
            image);
        Assert.True(IsShielded(guest));
        guest.WaitForMoreRecords();
        var acknowledged = guest.LastAcknowledged();

        var snapshots = Engine.Take(guest.Domain, "one", quiescing: Engine.Required, method: "reflink");

        Assert.All(snapshots, snapshot =>
            Assert.Equal(("reflink", Consistency.Quiesced, SnapshotState.Available), (snapshot.Method, snapshot.Consistency, snapshot.State)));
        Assert.All(snapshots, snapshot => Assert.Null(snapshot.ModifiedDisk));
        Assert.All(guest.Domain.Disks, disk => Assert.Empty(disk.BackingChain));
        var last = snapshots.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!, "raw")).ToList();
        Assert.InRange(last[0] - last[1], 0, 1);
        Assert.True(last.Min() >= acknowledged);
        Engine.Remove(guest.Domain, snapshots);
        AssertNothingLeft(guest.Domain);
        guest.WaitForMoreRecords();
    }

    [Fact]
    public void A_disk_that_drops_the_guest_s_flushes_is_never_quiesced()
    {
        var image = Raw(Xfs().Folder, "a.raw");
        var disk = $"<disk type='file' device='disk'><driver name='qemu' type='raw' cache='unsafe'/><source file='{image}'/><target dev='vda' bus='virtio'/></disk>";
        var domain = Keep(new BareDomain(Lab, "volumes-unsafe", [disk]));
        var error = Engine.Refused(() => Engine.Take(domain.Domain, quiescing: Engine.Required, method: "reflink"));
        Assert.Equal("CannotBeQuiesced", error.ErrorId);
        Assert.Contains("cache='unsafe'", error.Message, StringComparison.Ordinal);
        AssertNothingLeft(domain.Domain);

        var snapshot = Assert.Single(Engine.Take(domain.Domain, method: "reflink"));
        Assert.NotEqual(Consistency.Quiesced, snapshot.Consistency);
        Engine.Remove(domain.Domain, snapshot);
    }

    [Fact]
    public void A_folder_that_nothing_is_mounted_on_any_more_hides_the_copy_and_it_is_not_forgotten()
    {
        var mount = Xfs();
        var domain = Define(Disk(Raw(mount.Folder, "a.raw")));
        var snapshot = Assert.Single(Engine.Take(domain.Domain, method: "reflink"));

        // As empty as a mount point that nothing is mounted on.
        LabScript.RunProgram("mount", "-t", "tmpfs", "none", mount.Folder);
        try
        {
            Assert.Equal(SnapshotState.Missing, Assert.Single(Engine.List(domain.Domain)).State);
            Assert.Equal("SourceMissing", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
        }
        finally
        {
            LabScript.RunProgram("umount", mount.Folder);
        }

        Repair(domain);
        AssertNothingLeft(domain.Domain);
    }

    private static bool IsShielded(TestGuest guest)
    {
        using var plan = Engine.Current.PlanSnapshot(
            new SnapshotRequest(guest.Domain, method: DiskSnapshotMethod.Parse("reflink")), new HeardReporter(), TestContext.Current.CancellationToken);
        return plan.Disks.Any(disk => disk.IsShielded);
    }

    private static bool SharesBlocks(string path) => LabScript.RunProgram("filefrag", "-v", path).Contains("shared", StringComparison.Ordinal);
}
