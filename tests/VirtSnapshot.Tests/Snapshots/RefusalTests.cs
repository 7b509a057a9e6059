using System.Diagnostics;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>What cannot work is one clear error, with the domain as it was and no file left behind.</summary>
public sealed class RefusalTests : IDisposable
{
    private readonly LabFixture lab;
    private readonly BareDomain domain;
    private readonly string xml;
    private readonly string[] files;

    public RefusalTests(LabFixture lab)
    {
        this.lab = lab;
        domain = new BareDomain(lab, "refused", [
            BareDomain.Qcow2(lab, "refused", "vda"),
            BareDomain.Qcow2(lab, "refused", "vdb"),
            BareDomain.Qcow2(lab, "refused", "vdc", extra: "<readonly/>"),
            "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>",
        ]);
        xml = Xml();
        files = Files();
    }

    public void Dispose()
    {
        Engine.Observer = null;
        domain.Dispose();
    }

    [Fact]
    public void A_file_where_the_overlay_would_be()
    {
        // An empty one is what libvirt itself would quietly take over.
        var overlay = Path.ChangeExtension(domain.Image("vdb"), ".taken.qcow2");
        File.WriteAllText(overlay, "");
        AssertRefused(FailureKind.ResourceExists, "OverlayExists", "taken");
        Assert.Equal("", File.ReadAllText(overlay));
        File.Delete(overlay);
    }

    [Fact]
    public void A_link_to_nothing_where_the_overlay_would_be()
    {
        var overlay = Path.ChangeExtension(domain.Image("vdb"), ".linked.qcow2");
        File.CreateSymbolicLink(overlay, Path.Combine(lab.Images, "refused-elsewhere"));
        AssertRefused(FailureKind.ResourceExists, "OverlayExists", "linked");
        Assert.False(File.Exists(Path.Combine(lab.Images, "refused-elsewhere")));
        File.Delete(overlay);
    }

    [Fact]
    public void A_file_that_appears_at_the_last_moment()
    {
        var overlay = Path.ChangeExtension(domain.Image("vdb"), ".late.qcow2");
        At(RunStep.Journaled, () => File.WriteAllText(overlay, "theirs"));
        AssertRefused(FailureKind.ResourceExists, "OverlayExists", "late");
        Assert.Equal("theirs", File.ReadAllText(overlay));
        File.Delete(overlay);
    }

    [Theory]
    [InlineData("/no/such/folder", FailureKind.ObjectNotFound, "OverlayDirectoryNotFound")]
    [InlineData("/etc/passwd", FailureKind.ObjectNotFound, "OverlayDirectoryNotFound")]
    [InlineData("relative/folder", FailureKind.InvalidArgument, "OverlayDirectoryNotAbsolute")]
    public void A_folder_that_is_none(string folder, FailureKind kind, string errorId) => AssertRefused(kind, errorId, overlayDirectory: folder);

    [Fact]
    public void A_folder_that_cannot_be_written_to()
    {
        using var small = new SmallFileSystem(lab, "readonly");
        small.MakeReadOnly();
        AssertRefused(FailureKind.PermissionDenied, "OverlayDirectoryNotWritable", overlayDirectory: small.Folder);
    }

    [Fact]
    public void A_folder_that_is_full()
    {
        using var small = new SmallFileSystem(lab, "full");
        small.Fill();
        AssertRefused(FailureKind.QuotaExceeded, "NoSpace", overlayDirectory: small.Folder);
    }

    [Fact]
    public void A_folder_that_fills_at_the_last_moment()
    {
        using var small = new SmallFileSystem(lab, "filling");
        At(RunStep.Journaled, () => small.Fill(leaveKiB: 220));
        AssertRefused(FailureKind.QuotaExceeded, "NoSpace", overlayDirectory: small.Folder);
        Assert.DoesNotContain(Directory.GetFiles(small.Folder), file => file.EndsWith(".qcow2", StringComparison.Ordinal));
    }

    [Fact]
    public void A_folder_with_little_room_is_warned_of()
    {
        using var small = new SmallFileSystem(lab, "little");
        var reporter = new HeardReporter();
        small.Fill(leaveKiB: 9000);
        var snapshots = Engine.Take(domain.Domain, overlayDirectory: small.Folder, reporter: reporter);
        Assert.Contains(reporter.Warnings, warning => warning.Contains(small.Folder, StringComparison.Ordinal));
        Engine.Remove(domain.Domain, snapshots);
    }

    [Fact]
    public void A_block_job_on_the_disk()
    {
        lab.Virsh("blockcopy", domain.Name, "vdb", Path.Combine(lab.Images, "refused-copy.qcow2"), "--transient-job", "--format", "qcow2");
        var error = Engine.Refused(() => Engine.Take(domain.Domain));
        Assert.Equal((FailureKind.ResourceBusy, "BlockJobRunning"), (error.Kind, error.ErrorId));
        Assert.Equal("vdb", Assert.IsType<VmDisk>(error.TargetObject).Target);

        var onTheOther = Engine.Take(domain.Domain, disks: ["vda"]);
        Engine.Remove(domain.Domain, onTheOther);
        lab.Virsh("blockjob", domain.Name, "vdb", "--abort");
        File.Delete(Path.Combine(lab.Images, "refused-copy.qcow2"));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_name_that_a_disk_has_already()
    {
        var snapshots = Engine.Take(domain.Domain, "twice", ["vda"]);
        var error = Engine.Refused(() => Engine.Take(domain.Domain, "twice"));
        Assert.Equal((FailureKind.ResourceExists, "SnapshotExists"), (error.Kind, error.ErrorId));
        var onTheOther = Engine.Take(domain.Domain, "twice", ["vdb"]);
        Engine.Remove(domain.Domain, [.. snapshots, .. onTheOther]);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_method_that_nobody_knows() => AssertRefused(FailureKind.NotImplemented, "MethodUnknown", method: "sorcery");

    [Fact]
    public void A_disk_that_is_not_there() => AssertRefused(FailureKind.ObjectNotFound, "DiskNotFound", disks: ["vda", "vdz"]);

    [Theory]
    [InlineData("vdc", "read-only")]
    [InlineData("sda", "cdrom")]
    public void A_disk_that_cannot_be_snapshotted_asked_for_by_name(string disk, string why) => Assert.Contains(
        why, AssertRefused(FailureKind.InvalidOperation, "DiskNotSnapshottable", disks: ["vda", disk]).Message, StringComparison.Ordinal);

    [Fact]
    public void Unnamed_such_disks_are_left_out_aloud()
    {
        var reporter = new HeardReporter();
        var snapshots = Engine.Take(domain.Domain, disks: ["*"], reporter: reporter);
        Assert.Equal(["vda", "vdb"], snapshots.Select(snapshot => snapshot.Disk));
        Assert.Contains(reporter.Details, detail => detail.Contains("refused/vdc is left out: it is read-only", StringComparison.Ordinal));
        Assert.Contains(reporter.Details, detail => detail.Contains("refused/sda is left out: it is a cdrom", StringComparison.Ordinal));
        Engine.Remove(domain.Domain, snapshots);
    }

    [Fact]
    public void A_pattern_that_fits_nothing_that_can_be_snapshotted() => AssertRefused(FailureKind.ObjectNotFound, "NoDiskToSnapshot", disks: ["sd*"]);

    [Fact]
    public void A_domain_that_another_process_works_on()
    {
        // The engine makes the folder for its locks; a run of ours comes first.
        Engine.Remove(domain.Domain, Engine.Take(domain.Domain));
        using var other = Process.Start(new ProcessStartInfo("flock", [$"/run/virtsnapshot/domain-{domain.Domain.Uuid:D}.lock", "sleep", "60"]))!;
        try
        {
            var holder = $"/run/virtsnapshot/domain-{domain.Domain.Uuid:D}.lock";
            Assert.True(SpinWait.SpinUntil(() => LabScript.TryRunProgram("flock", "--nonblock", holder, "true").ExitCode == 1, 10_000));
            AssertRefused(FailureKind.ResourceBusy, "DomainLocked");
            Assert.Equal("DomainLocked", Engine.Refused(() => Engine.TryRemove(domain.Domain, [])).ErrorId);
        }
        finally
        {
            other.Kill(entireProcessTree: true);
            other.WaitForExit();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_run_that_has_not_ended(bool isRemoval)
    {
        using (var native = DomainFinder.Open(domain.Domain, TestContext.Current.CancellationToken))
        {
            var set = SetIdentity.New(domain.Domain.Uuid, SnapshotName.Parse("died"));
            var record = new SnapshotRecord("vda", "qemu", domain.Domain.FindDisk("vda")!.Source,
                OverlayData.ToElement(Path.Combine(lab.Images, "refused-none"), "x")) { Set = set };
            new RunJournal(
                isRemoval ? RunOperation.Removal : RunOperation.Snapshot,
                DateTimeOffset.UtcNow,
                [new JournalEntry(set.Group, set.Name, record)]).Write(native, domain.Domain);
            var error = Engine.Refused(() => Engine.Take(domain.Domain));
            Assert.Equal((FailureKind.ResourceBusy, "UnfinishedRun"), (error.Kind, error.ErrorId));
            Assert.Contains("Repair-DiskSnapshot refused", error.Message, StringComparison.Ordinal);
            RunJournal.Clear(native, domain.Domain);
        }

        Assert.Equal(xml, Xml());
    }

    private VirtSnapshotException AssertRefused(
        FailureKind kind, string errorId, string? name = null, string? overlayDirectory = null, string? method = null, string[]? disks = null)
    {
        var error = Engine.Refused(() => Engine.Take(domain.Domain, name, disks, overlayDirectory: overlayDirectory, method: method));
        Assert.Equal((kind, errorId), (error.Kind, error.ErrorId));
        Assert.Equal(xml, Xml());
        Assert.Equal(files, Files().Where(file => name is null || !file.Contains(name, StringComparison.Ordinal)));
        return error;
    }

    private static void At(RunStep when, Action action) => Engine.Observer = step =>
    {
        if (step == when)
        {
            action();
        }
    };

    /// <summary>libvirt leaves an empty element where records have been.</summary>
    private string Xml() => domain.Domain.Xml.Replace("  <metadata/>\n", "", StringComparison.Ordinal);

    private string[] Files() => [.. Directory.GetFiles(lab.Images, "refused*").Order(StringComparer.Ordinal)];
}
