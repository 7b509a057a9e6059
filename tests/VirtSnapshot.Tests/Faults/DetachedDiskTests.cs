using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A disk with a snapshot is detached from its domain, or given another image.</summary>
public sealed class DetachedDiskTests(LabFixture lab) : FaultTest(lab)
{
    private const string Name = "detached";

    [Theory]
    [InlineData(true, SnapshotState.Invalid)]
    [InlineData(false, SnapshotState.Invalid)]
    [InlineData(false, SnapshotState.Missing)]
    public void Detached_for_good_only_its_record_is_removed_and_no_file_is_deleted(bool isRunning, SnapshotState state)
    {
        using var domain = Define(isRunning);
        var taken = Engine.Take(domain.Domain, "one");
        var overlay = taken[1].ModifiedDisk!.Source.Path!;
        Lab.Virsh("detach-disk", Name, "sdb", isRunning ? "--persistent" : "--config");
        if (state == SnapshotState.Missing)
        {
            File.Delete(domain.Image("sdb"));
        }

        var snapshots = Engine.List(domain.Domain);
        Assert.Equal([SnapshotState.Available, state], snapshots.Select(snapshot => snapshot.State));
        var heard = new HeardReporter();
        Assert.All(Engine.TryRemove(domain.Domain, snapshots, reporter: heard, cancellation: Token), result => Assert.Null(result.Error));
        var warning = Assert.Single(heard.Warnings);
        Assert.Contains("no disk 'sdb' any more", warning, StringComparison.Ordinal);
        Assert.Contains($"The file '{overlay}' is kept", warning, StringComparison.Ordinal);
        Assert.True(File.Exists(overlay));
        Assert.Equal(state != SnapshotState.Missing, File.Exists(domain.Image("sdb")));
        AssertNothingRecorded(domain);
    }

    [Fact]
    public void Detached_from_the_running_domain_alone_it_stays_available_and_waits_for_its_disk()
    {
        using var domain = Define(isRunning: true);
        var taken = Engine.Take(domain.Domain, "one", disks: ["sdb"]);
        Lab.Virsh("detach-disk", Name, "sdb", "--live");

        var listing = new SnapshotListing();
        var snapshot = Assert.Single(Engine.List(domain.Domain, listing));
        Assert.Equal((SnapshotState.Available, taken[0].BackupSource.Path), (snapshot.State, snapshot.BackupSource.Path));
        Assert.Contains("its stored definition still has it", listing.FindWarning(snapshot), StringComparison.Ordinal);
        var error = Engine.RemovalRefused(domain.Domain, snapshot);
        Assert.Equal("DiskNotFound", error.ErrorId);
        Assert.Contains("is in its stored definition", error.Message, StringComparison.Ordinal);
        Assert.Null(RunJournal.Read(domain.Domain));

        Lab.Virsh("destroy", Name);
        Assert.Null(new SnapshotListing().FindWarning(snapshot));
        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void With_another_image_only_its_record_is_removed()
    {
        using var domain = Define(isRunning: false);
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", disks: ["vda"]));
        var overlay = snapshot.ModifiedDisk!.Source.Path!;
        BareDomain.WriteOffline(overlay, 7);
        var other = Path.Combine(Lab.Images, $"{Name}-other.qcow2");
        File.Copy(Lab.BlankQcow2("8M"), other);
        GiveImage(domain, overlay, other);

        Engine.Remove(domain.Domain, Engine.List(domain.Domain).Single(found => found.Name == "one"));
        Assert.True(File.Exists(overlay));
        AssertNothingRecorded(domain);
    }

    [Fact]
    public void An_overlay_with_the_newest_data_keeps_its_record_and_so_does_one_out_of_sight()
    {
        using var domain = Define(isRunning: false);
        var folder = Directory.CreateDirectory(Path.Combine(Lab.Images, $"{Name}-overlays")).FullName;
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", disks: ["vda"], overlayDirectory: folder));
        var overlay = snapshot.ModifiedDisk!.Source.Path!;
        BareDomain.WriteOffline(overlay, 7);
        GiveImage(domain, overlay, domain.Image());
        Assert.Equal("SnapshotInvalid", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);

        // As with a file system that is not mounted.
        Directory.Move(folder, $"{folder}-away");
        Assert.Equal("SourceMissing", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
        Directory.CreateDirectory(folder);
        Assert.Equal("SourceMissing", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
        Directory.Delete(folder);
        Directory.Move($"{folder}-away", folder);
        GiveImage(domain, domain.Image(), overlay);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
        Directory.Delete(folder);
    }

    [Fact]
    public void An_overlay_that_a_disk_uses_under_another_target_keeps_its_record()
    {
        using var domain = Define(isRunning: false);
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", disks: ["sdb"]));
        BareDomain.WriteOffline(snapshot.ModifiedDisk!.Source.Path!, 7);
        GiveImage(domain, "sdb", "sdc");

        var error = Engine.RemovalRefused(domain.Domain, snapshot);
        Assert.Equal("DiskNotFound", error.ErrorId);
        Assert.Contains("Disk 'sdc'", error.Message, StringComparison.Ordinal);
        GiveImage(domain, "sdc", "sdb");
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void An_overlay_that_only_the_stored_definition_uses_keeps_its_record()
    {
        using var domain = Define(isRunning: true);
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", disks: ["sdb"]));
        var other = Path.Combine(Lab.Images, $"{Name}-other.qcow2");
        File.Copy(Lab.BlankQcow2("8M"), other);
        Lab.Virsh("detach-disk", Name, "sdb", "--live");
        Lab.Virsh("attach-disk", Name, other, "sdb", "--targetbus", "scsi", "--subdriver", "qcow2", "--live");

        Assert.Equal("SnapshotInvalid", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
        Lab.Virsh("destroy", Name);
        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_removal_that_had_begun_waits_for_the_disk_or_for_its_overlay_to_be_moved_away()
    {
        using var domain = Define(isRunning: false);
        var overlay = Engine.Take(domain.Domain, "one", disks: ["sdb"])[0].ModifiedDisk!.Source.Path!;
        CrashTestProcess.Die(Lab, Name, new CrashTestRequest { Work = CrashTestWork.Removal, Name = "one", Step = RunStep.RemovalJournaled });
        Lab.Virsh("detach-disk", Name, "sdb", "--config");

        var result = Repair(domain);
        Assert.Equal(RepairAction.Incomplete, result.Action);
        Assert.Contains(overlay, Assert.Single(result.Details), StringComparison.Ordinal);
        Assert.True(File.Exists(overlay));

        File.Move(overlay, $"{overlay}-away");
        Assert.Equal(RepairAction.Finished, Repair(domain).Action);
        AssertNothingRecorded(domain);
    }

    /// <summary>QEMU takes a disk on a SCSI bus away without asking the guest, in which nothing runs here.</summary>
    private BareDomain Define(bool isRunning) => new(
        Lab,
        Name,
        [
            "<controller type='scsi' model='virtio-scsi'/>",
            BareDomain.Qcow2(Lab, Name, "vda"),
            BareDomain.Qcow2(Lab, Name, "sdb").Replace("bus='virtio'", "bus='scsi'", StringComparison.Ordinal),
        ],
        isRunning: isRunning);

    private void GiveImage(BareDomain domain, string from, string to)
    {
        File.WriteAllText(domain.Definition, domain.Domain.Xml.Replace($"'{from}'", $"'{to}'", StringComparison.Ordinal));
        Lab.Virsh("define", domain.Definition);
    }

    private static void AssertNothingRecorded(BareDomain domain)
    {
        Assert.Empty(Engine.List(domain.Domain));
        Assert.Null(RunJournal.Read(domain.Domain));
        Assert.DoesNotContain("urn:virtsnapshot:1:set", domain.Domain.Xml, StringComparison.Ordinal);
    }
}
