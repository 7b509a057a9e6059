using VirtSnapshot.Domains;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.Volumes;
using VirtSnapshot.Tests.Storage;
using Xunit;
using SnapshotState = VirtSnapshot.Methods.SnapshotState;

namespace VirtSnapshot.Tests.Methods.QemuInternal;

/// <summary>Real internal snapshots of the qcow2 images of shut-off domains.</summary>
public sealed class QemuInternalTests(LabFixture lab) : VolumeTest(lab)
{
    private const string Method = "qemu-internal";

    [Fact]
    [Trait("Debian13", "yes")]
    public void What_was_taken_is_read_from_the_image_whatever_is_written_later_and_also_while_the_domain_runs()
    {
        var backing = Image("base.qcow2", content: 5);
        var domain = Define(Disk(Image("a.qcow2", backing), format: "qcow2"), Disk(Image("b.qcow2"), "vdb", "qcow2"));
        BareDomain.WriteOffline(ImageOf(domain), 6, "1M");
        var before = Contents(domain.Domain);

        var snapshots = Engine.Take(domain.Domain, "one", method: Method);
        Assert.Equal(["vda", "vdb"], snapshots.Select(snapshot => snapshot.Disk));
        Assert.All(snapshots, snapshot =>
        {
            Assert.Equal((Method, Consistency.Offline, SnapshotState.Available), (snapshot.Method, snapshot.Consistency, snapshot.State));
            Assert.Null(snapshot.ModifiedDisk);
            Assert.Matches("^virtsnapshot-one-[0-9a-f]{16}$", snapshot.BackupSource.Snapshot);
            Assert.Contains($"<snapshot name=\"{snapshot.BackupSource.Snapshot}\" />", snapshot.BackupSource.Xml, StringComparison.Ordinal);
            Assert.Equal(snapshot.BackupSource, Recorded(domain.Domain).Single(listed => listed.Disk == snapshot.Disk).BackupSource);
        });
        Assert.Equal(ImageOf(domain), snapshots[0].BackupSource.Path);

        BareDomain.WriteOffline(ImageOf(domain), 7, "0", "2M");
        Assert.Equal(before, Digests(snapshots));
        Lab.Virsh("start", domain.Name);
        domain.Write(8, "0", "4M");
        domain.Write(8, "0", "4M", "vdb");
        Assert.Equal(before, Digests(snapshots));
        Assert.All(Recorded(domain.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));

        Assert.All(Engine.TryRemove(domain.Domain, snapshots, cancellation: TestContext.Current.CancellationToken), result =>
            Assert.Equal("DomainRunning", result.Error!.ErrorId));
        Assert.Null(RunJournal.Read(domain.Domain));
        Lab.Virsh("destroy", domain.Name);
        var written = Contents(domain.Domain);
        Engine.Remove(domain.Domain, snapshots);
        AssertNothingInside(domain.Domain);
        Assert.Equal(written, Contents(domain.Domain));
        LabScript.RunProgram("qemu-img", "check", "-q", ImageOf(domain));
    }

    [Fact]
    public void While_the_domain_runs_it_can_be_configured_for_later()
    {
        using var domain = new BareDomain(Lab, "internal-live");
        Engine.Settings.Set(domain.Domain, [], VirtSnapshot.Domains.DiskSnapshotMethod.Parse(Method));
        Lab.Virsh("destroy", domain.Name);
        Assert.Equal(Method, Assert.Single(Engine.Take(domain.Domain)).Method);
        Engine.Remove(domain.Domain, Recorded(domain.Domain));
        AssertNothingInside(domain.Domain);
    }

    [Fact]
    public void It_outlasts_an_overlay_of_the_image_and_its_merge()
    {
        var domain = Define(Disk(Image("a.qcow2"), format: "qcow2"));
        var inside = Assert.Single(Engine.Take(domain.Domain, "inside", method: Method));
        var before = ImageDigest.Of(inside.BackupSource);
        var above = Assert.Single(Engine.Take(domain.Domain, "above", method: "qemu"));
        BareDomain.WriteOffline(ImageOf(domain), 9, "0", "3M");

        // One in the overlay keeps it: a merge would lose it.
        var upper = Assert.Single(Engine.Take(domain.Domain, "upper", method: Method));
        Assert.Equal(above.ModifiedDisk!.Source.Path, upper.BackupSource.Path);
        Assert.Equal("OverlayHasSnapshots", Engine.RemovalRefused(domain.Domain, above).ErrorId);
        Engine.Remove(domain.Domain, upper);

        Engine.Remove(domain.Domain, above);
        Assert.Equal((SnapshotState.Available, before), (Assert.Single(Recorded(domain.Domain)).State, ImageDigest.Of(inside.BackupSource)));
        Engine.Remove(domain.Domain, inside);
        AssertNothingInside(domain.Domain);
    }

    [Fact]
    public void Other_images_are_refused_with_the_reason()
    {
        Assert.Contains("only qcow2", AssertUnsuitable(Define(Disk(Raw(Folder(), "a.raw"))), Method).Message, StringComparison.Ordinal);

        var split = Path.Combine(Folder(), "split.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-o", $"data_file={split}.data", split, "8M");
        Assert.Contains($"'{split}.data'", AssertUnsuitable(Define(Disk(split, format: "qcow2")), Method).Message, StringComparison.Ordinal);

        var secret = Path.Combine(Folder(), "secret.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "--object", "secret,id=s,data=word", "-f", "qcow2", "-o", "encrypt.format=aes,encrypt.key-secret=s",
            secret, "8M");
        Assert.Contains("encrypted", AssertUnsuitable(Define(Disk(secret, format: "qcow2")), Method).Message, StringComparison.Ordinal);

        var lie = Raw(Folder(), "lie.qcow2");
        Assert.Equal("SourceUnreadable", Engine.Refused(() => Engine.Take(Define(Disk(lie, format: "qcow2")).Domain, method: Method)).ErrorId);
        File.Delete(lie);
        Assert.Equal("SourceMissing", Engine.Refused(() => Engine.Take(Define(Disk(lie, format: "qcow2")).Domain, method: Method)).ErrorId);
    }

    [Fact]
    public void It_is_not_taken_nor_removed_while_somebody_has_the_image_open()
    {
        var domain = Define(Disk(Image("a.qcow2"), format: "qcow2"), Disk(Image("b.qcow2"), "vdb", "qcow2"));
        Engine.Observer = step =>
        {
            if (step == RunStep.Journaled)
            {
                Lab.Virsh("start", domain.Name);
            }
        };
        try
        {
            var error = Engine.Refused(() => Engine.Take(domain.Domain, method: Method));
            Assert.Equal((FailureKind.ResourceBusy, "SourceInUse"), (error.Kind, error.ErrorId));
        }
        finally
        {
            Engine.Observer = null;
        }

        AssertNothingInside(domain.Domain);
        Lab.Virsh("destroy", domain.Name);
        var snapshots = Engine.Take(domain.Domain, method: Method);
        using (File.OpenRead(snapshots[0].BackupSource.Path!))
        {
            var results = Engine.TryRemove(domain.Domain, snapshots, cancellation: TestContext.Current.CancellationToken);
            Assert.Equal(["SourceInUse", null], results.Select(result => result.Error?.ErrorId));
        }

        Engine.Remove(domain.Domain, Recorded(domain.Domain));
        AssertNothingInside(domain.Domain);
    }

    [Fact]
    public void One_that_is_gone_already_is_removed_without_complaint_and_one_with_a_double_is_not_touched()
    {
        var domain = Define(Disk(Image("a.qcow2"), format: "qcow2"));
        var snapshot = Assert.Single(Engine.Take(domain.Domain, method: Method));
        var name = snapshot.BackupSource.Snapshot!;
        LabScript.RunProgram("qemu-img", "snapshot", "-c", name, ImageOf(domain));
        Assert.Equal(SnapshotState.Invalid, Assert.Single(Recorded(domain.Domain)).State);
        Assert.Equal("SnapshotNotOurs", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
        LabScript.RunProgram("qemu-img", "snapshot", "-d", name, ImageOf(domain));
        LabScript.RunProgram("qemu-img", "snapshot", "-d", name, ImageOf(domain));
        Assert.Equal(SnapshotState.Missing, Assert.Single(Recorded(domain.Domain)).State);
        Engine.Remove(domain.Domain, snapshot);
        AssertNothingInside(domain.Domain);
    }

    [Fact]
    public void Where_there_is_no_room_for_it_all_disks_are_as_before()
    {
        var room = Image("a.qcow2");
        var mount = Keep(new LoopFileSystem(Lab.Images, "internal-full", ["mkfs.ext4", "-q"], "32M"));
        var domain = Define(Disk(room, format: "qcow2"), Disk(Qcow2(mount.Folder, "b.qcow2"), "vdb", "qcow2"));
        var before = Contents(domain.Domain);
        LabScript.TryRunProgram("dd", "if=/dev/zero", $"of={mount.Folder}/filler", "bs=4k", "conv=fsync");
        var error = Engine.Refused(() => Engine.Take(domain.Domain, method: Method));
        Assert.Equal((FailureKind.QuotaExceeded, "NoSpace"), (error.Kind, error.ErrorId));
        Assert.EndsWith("Everything was undone.", error.Message, StringComparison.Ordinal);
        AssertNothingInside(domain.Domain);
        Assert.Equal(before, Contents(domain.Domain));
    }

    private static IReadOnlyList<string> Contents(VmDomain domain) => [.. domain.Disks.Select(disk => ImageDigest.Of(disk.Source))];

    private static IReadOnlyList<string> Digests(IReadOnlyList<DiskSnapshot> snapshots) =>
        [.. snapshots.OrderBy(snapshot => $"{snapshot}", StringComparer.Ordinal).Select(snapshot => ImageDigest.Of(snapshot.BackupSource))];

    private static string ImageOf(BareDomain domain) => domain.Domain.FindDisk("vda")!.Source.Path!;

    private static void AssertNothingInside(VmDomain domain)
    {
        AssertNothingLeft(domain);
        Assert.All(domain.Disks, disk => Assert.Equal(0u, ImageChain.ReadHeader(Host, disk.Source.Path!)!.SnapshotCount));
    }

    private string Folder() => Directory.CreateDirectory(Path.Combine(Lab.Images, "internal")).FullName;

    private string Image(string name, string? backing = null, byte content = 1)
    {
        File.Delete(Path.Combine(Folder(), name));
        return Qcow2(Folder(), name, backing, content);
    }
}
