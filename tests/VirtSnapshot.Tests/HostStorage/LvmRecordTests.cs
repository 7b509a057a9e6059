using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>From the backup sources of a frozen set the same records come back, none torn, none missing, whatever lies between disk and volume.</summary>
public sealed class LvmRecordTests(LabHost host) : LvmTest(host)
{
    [Fact]
    public void Records_come_back_from_a_volume_and_from_files_on_every_file_system_on_one()
    {
        using var recording = Host.WakeRecordingGuest();
        AssertRecordsComeBack(recording.Guest, "lvm", RecordingGuest.OnThick);
    }

    [Fact]
    public void Records_come_back_from_a_thin_volume_and_from_a_file_on_one()
    {
        using var recording = Host.WakeRecordingGuest();
        AssertRecordsComeBack(recording.Guest, "lvm-thin", RecordingGuest.OnThin);
    }

    /// <summary>
    /// The RFC's example: a qcow2 disk stored on btrfs inside a logical volume, at each of its three levels. Its guest is confined by AppArmor.
    /// </summary>
    [Fact]
    public void Records_come_back_from_all_three_levels_of_one_disk()
    {
        using var recording = Host.WakeRecordingGuest();
        var guest = recording.Guest;
        Assert.Contains("<label>libvirt-", guest.Domain.Xml, StringComparison.Ordinal);
        foreach (var method in new[] { "qemu", "btrfs" })
        {
            guest.WaitForMoreRecords();
            var before = guest.LastAcknowledged();
            var snapshot = Assert.Single(Engine.Take(guest.Domain, method, ["vdb"], quiescing: Freezing, method: method));
            Assert.Equal((Consistency.Quiesced, method == "btrfs"), (snapshot.Consistency, snapshot.ModifiedDisk is null));
            Assert.True(guest.ReadRecords(snapshot.BackupSource.Path!, "qcow2") >= before);
            Engine.Remove(guest.Domain, [snapshot]);
        }

        AssertRecordsComeBack(guest, "lvm", ["vdb"]);
    }

    private void AssertRecordsComeBack(LabHostGuest guest, string method, IReadOnlyList<string> disks)
    {
        guest.WaitForMoreRecords();
        var before = guest.LastAcknowledged();
        var sources = guest.Domain.Disks.Select(disk => disk.Source.Path).ToList();
        var set = Engine.Take(guest.Domain, "records", disks, quiescing: Freezing, method: method);
        Assert.Equal(disks, set.Select(snapshot => snapshot.Disk));
        Assert.All(set, snapshot =>
        {
            Assert.Equal((method, Consistency.Quiesced, SnapshotState.Available), (snapshot.Method, snapshot.Consistency, snapshot.State));
            Assert.Null(snapshot.ModifiedDisk);
            var isVolume = guest.Domain.FindDisk(snapshot.Disk)!.Source.Path!.StartsWith("/dev/", StringComparison.Ordinal);
            Assert.StartsWith(isVolume ? "/dev/vg/" : "/run/virtsnapshot/mnt/", snapshot.BackupSource.Path, StringComparison.Ordinal);
        });
        Assert.Equal(sources, guest.Domain.Disks.Select(disk => disk.Source.Path));
        guest.WaitForMoreRecords(3);

        var last = set.Select(snapshot => guest.ReadRecords(snapshot.BackupSource.Path!, snapshot.BackupSource.Format!)).ToList();
        Assert.All(last, number => Assert.True(number >= before, $"{number} records are there, and {before} had been acknowledged"));
        Assert.InRange(last.Max() - last.Min(), 0, 1);
        Assert.All(Engine.List(guest.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));

        Engine.Remove(guest.Domain, set);
        AssertNothingLeft(guest.Domain);
        guest.WaitForMoreRecords();
    }
}
