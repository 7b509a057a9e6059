using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>LVM snapshots that libvirt makes in its pool of type <c>logical</c>.</summary>
public sealed class LibvirtVolumeHostTests : LvmTest
{
    private const string MethodName = "libvirt-volume";

    public LibvirtVolumeHostTests(LabHost host)
        : base(host)
    {
        // It stays: stopping such a pool deactivates every volume of the group.
        string[] virsh = ["virsh", "-q", "-c", "qemu:///system"];
        if (host.TryRun([.. virsh, "pool-info", "vg"]).ExitCode != 0)
        {
            host.Run([.. virsh, "pool-create-as", "vg", "logical", "--source-name", "vg", "--target", "/dev/vg"]);
        }
    }

    [Fact]
    public void Records_come_back_from_volumes_of_the_pool()
    {
        using var recording = Host.WakeRecordingGuest();
        var guest = recording.Guest;
        Host.Virsh("pool-refresh", "vg");
        guest.WaitForMoreRecords();
        var before = guest.LastAcknowledged();
        var method = $"<diskSnapshot method='{MethodName}'><size>50%</size></diskSnapshot>";
        var set = Engine.Take(guest.Domain, "records", RecordingGuest.OnVolumes, quiescing: Freezing, method: method);
        Assert.All(set, snapshot =>
            Assert.Equal((MethodName, Consistency.Quiesced, SnapshotState.Available), (snapshot.Method, snapshot.Consistency, snapshot.State)));
        guest.WaitForMoreRecords(3);
        var last = set.Select(snapshot => guest.ReadRecords(snapshot.BackupSource.Path!)).ToList();
        Assert.All(last, number => Assert.True(number >= before, $"{number} records are there, and {before} had been acknowledged"));
        Assert.InRange(last.Max() - last.Min(), 0, 1);
        Assert.Equal("67108864", Host.Run("lvs", "--noheadings", "--units", "b", "--nosuffix", "-o", "lv_size", set[0].BackupSource.Path!).Trim());
        var error = Engine.Refused(() => Engine.Take(Define($"raw:{Image("/srv/ext4")}").Domain, method: MethodName));
        Assert.Contains("not a volume of a running", error.Message, StringComparison.Ordinal);

        Engine.Remove(guest.Domain, set);
        AssertNoVolumeLeft(guest);
        guest.WaitForMoreRecords();
    }

    [Fact]
    public void One_that_overflows_is_available_no_more_and_one_for_which_there_is_no_room_is_not_taken()
    {
        var volume = Volume();
        var guest = Define($"raw:{volume}");
        var error = Engine.Refused(() => Engine.Take(guest.Domain, method: $"<diskSnapshot method='{MethodName}'><size>1T</size></diskSnapshot>"));
        Assert.Equal((FailureKind.QuotaExceeded, "NoSpace"), (error.Kind, error.ErrorId));

        var snapshot = Assert.Single(Engine.Take(guest.Domain, "small", method: $"<diskSnapshot method='{MethodName}'><size>8M</size></diskSnapshot>"));
        Assert.Equal(SnapshotState.Available, StateOf(guest.Domain));
        Host.Run("dd", "if=/dev/urandom", $"of={volume}", "bs=1M", "count=32", "oflag=direct");
        Assert.Equal(SnapshotState.Invalid, StateOf(guest.Domain));

        // libvirt shows it no more, and cannot delete it.
        error = Engine.RemovalRefused(guest.Domain, [snapshot]);
        Assert.Equal("SnapshotNotDeleted", error.ErrorId);
        Assert.Contains("lvremove", error.Message, StringComparison.Ordinal);
        Host.Run("lvremove", "-fy", snapshot.BackupSource.Path!);
        Assert.Equal(RepairAction.Finished, Repair(guest.Domain)!.Action);
        AssertNoVolumeLeft(guest);
    }

    /// <summary>LVM's snapshots are no copies: they go with the volume that the disk leaves behind.</summary>
    [Fact]
    public void A_disk_goes_on_in_a_new_volume_and_all_snapshots_of_the_old_one_are_lost_as_was_said()
    {
        var volume = Volume();
        var guest = Define($"raw:{volume}");
        foreach (var number in new[] { "1", "2", "3" })
        {
            Write(volume, number);
            Engine.Take(guest.Domain, $"s{number}", method: MethodName);
        }

        Write(volume, "4");
        Host.Run("lvcreate", "-q", "-s", "-L", "8M", "-n", "theirs", VolumeOf(volume));
        Host.Virsh("pool-refresh", "vg");
        Assert.Equal("SourceShared", Engine.Refused(() => Engine.Restore(guest.Domain, "s2")).ErrorId);
        Host.Run("lvremove", "-fy", "vg/theirs");

        using (var plan = Engine.Current.PlanRestore(guest.Domain, Named(guest, "s2"), false, new HeardReporter(), Token))
        {
            Assert.Equal(["s3", "s1"], Assert.Single(plan.Disks).LostSnapshots);
            Assert.True(plan.Disks[0].UsesUpSnapshot);
        }

        var content = Digest(Named(guest, "s2")[0].BackupSource.Path!);
        foreach (var (step, action) in new[] { (RunStep.RestorePrepared, RepairAction.Undone), (RunStep.DiskSwitched, RepairAction.Finished) })
        {
            CrashTestProcess.Die(Host.Uri, guest.Name, new CrashTestRequest { Work = CrashTestWork.Restore, Name = "s2", Step = step });
            Assert.Equal((step, action), (step, Repair(guest.Domain)!.Action));
        }

        var now = guest.Domain.Disks[0].Source.Path!;
        Afterwards("lvremove", "-fy", now);
        Assert.Equal($"{volume}.restored-", now[..^16]);
        Assert.Equal(content, Digest(now));
        Assert.DoesNotContain(VolumeOf(volume)["vg/".Length..] + " ", Host.Run("lvs", "--noheadings", "-o", "lv_name"), StringComparison.Ordinal);
        AssertNoVolumeLeft(guest);
    }

    private static IReadOnlyList<DiskSnapshot> Named(LabHostGuest guest, string name) =>
        [.. Engine.List(guest.Domain).Where(snapshot => snapshot.Name == name)];

    private void Write(string volume, string content) =>
        Host.Run("sh", "-ec", "printf %s \"$2\" | dd \"of=$1\" conv=notrunc,fsync status=none", "sh", volume, content);

    private string Digest(string volume) => Host.Run("sh", "-c", "sha256sum <\"$1\"", "sh", volume);

    private string Volume()
    {
        var device = Thick();
        Host.Virsh("pool-refresh", "vg");
        return device;
    }

    private void AssertNoVolumeLeft(LabHostGuest guest)
    {
        AssertNothingLeft(guest.Domain);
        Assert.DoesNotContain("virtsnapshot", Host.Run("lvs", "--noheadings", "-o", "lv_name"), StringComparison.Ordinal);
    }
}
