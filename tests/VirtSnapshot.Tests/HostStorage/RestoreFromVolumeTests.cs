using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>Disks of domains on another host go back to what LVM and ZFS hold of them.</summary>
public sealed class RestoreFromVolumeTests(LabHost host) : LvmTest(host)
{
    [Fact]
    public void A_thick_snapshot_is_merged_back_and_used_up_and_the_others_stay()
    {
        var volume = Thick();
        var guest = TakeThree(volume);
        using (var plan = Engine.Current.PlanRestore(guest.Domain, Named(guest, "s1"), false, new HeardReporter(), Token))
        {
            Assert.True(Assert.Single(plan.Disks).UsesUpSnapshot);
            Assert.Contains("is irreversible", plan.Description, StringComparison.Ordinal);
        }

        Assert.Empty(Engine.Restore(guest.Domain, Named(guest, "s1")));

        Assert.Equal("1", Content(volume));
        AssertSnapshots(guest, "s2", "s3");
        Write(volume, "9");
        Engine.Restore(guest.Domain, Named(guest, "s3"));
        Assert.Equal("3", Content(volume));
        AssertSnapshots(guest, "s2");
        RemoveAll(guest);
    }

    [Fact]
    public void A_thick_volume_that_is_open_is_not_touched()
    {
        var volume = Thick();
        var guest = Define($"raw:{volume}");
        Engine.Take(guest.Domain, "s1");
        Host.Run("mkfs.ext4", "-q", "-F", volume);
        Host.Run("mkdir", "-p", "/srv/open");
        Host.Run("mount", volume, "/srv/open");
        try
        {
            Assert.Equal("SourceInUse", Engine.Refused(() => Engine.Restore(guest.Domain, Named(guest, "s1"))).ErrorId);
        }
        finally
        {
            Host.Run("umount", "/srv/open");
        }

        Assert.Equal(SnapshotState.Available, StateOf(guest.Domain));
        RemoveAll(guest);
    }

    [Fact]
    public void A_thin_snapshot_takes_the_volumes_place_and_no_snapshot_is_lost()
    {
        var volume = Thin();
        var guest = TakeThree(volume);
        foreach (var number in new[] { "1", "3" })
        {
            Assert.Equal($"s{number}", Assert.Single(Engine.Restore(guest.Domain, Named(guest, $"s{number}"))).Name);
            Assert.Equal(number, Content(volume));
            AssertSnapshots(guest, "s1", "s2", "s3");
            Write(volume, "9");
        }

        RemoveAll(guest);
        Assert.Equal("", Host.Run("lvs", "--noheadings", "-o", "lv_tags", volume).Trim());
    }

    [Fact]
    public void Files_come_back_from_a_file_system_on_a_volume_and_from_a_dataset()
    {
        var dataset = $"tank/vms/{Host.NewName("restored")}";
        Host.Run("zfs", "create", dataset);
        Afterwards("zfs", "destroy", "-r", dataset);
        var (onVolume, onDataset) = (Image("/srv/ext4"), $"/srv/zfs/{dataset["tank/vms/".Length..]}/image");
        var guest = Define($"raw:{onVolume}", $"raw:{onDataset}");
        Write(onVolume, "1");
        Write(onDataset, "1");
        Host.Run("dd", "if=/dev/urandom", $"of={onVolume}", "bs=1M", "seek=8", "count=24", "conv=notrunc,fsync");
        Engine.Take(guest.Domain, "s1", disks: ["vda"], method: "lvm");
        Engine.Take(guest.Domain, "z1", disks: ["vdb"], method: "zfs");
        Write(onVolume, "2");
        Write(onDataset, "2");

        // Copying would fill the very snapshot that is copied from.
        Engine.Take(guest.Domain, "small", disks: ["vda"], method: "<diskSnapshot method='lvm'><size>16M</size></diskSnapshot>");
        var error = Engine.Refused(() => Engine.Restore(guest.Domain, Named(guest, "s1")));
        Assert.Equal("NoSpace", error.ErrorId);
        Assert.Contains("virtsnapshot-small-", error.Message, StringComparison.Ordinal);
        Engine.Remove(guest.Domain, Named(guest, "small"));

        Engine.Restore(guest.Domain, Named(guest, "s1"));
        Assert.Equal(("1", "2"), (Content(onVolume), Content(onDataset)));
        Engine.Restore(guest.Domain, Named(guest, "z1"));
        Assert.Equal(("1", "1"), (Content(onVolume), Content(onDataset)));
        AssertSnapshots(guest, "s1", "z1");
        RemoveAll(guest);
    }

    [Fact]
    public void A_zvol_is_rolled_back_and_newer_snapshots_are_lost_as_was_said()
    {
        var volume = Zvol(out var name);
        var guest = TakeThree(volume);
        using (var plan = Engine.Current.PlanRestore(guest.Domain, Named(guest, "s1"), false, new HeardReporter(), Token))
        {
            Assert.Equal(["s3", "s2"], Assert.Single(plan.Disks).LostSnapshots);
        }

        AssertSnapshots(guest, "s1", "s2", "s3");
        Engine.Restore(guest.Domain, Named(guest, "s2"));
        Assert.Equal("2", Content(volume));
        AssertSnapshots(guest, "s1", "s2");

        Host.Run("zfs", "snapshot", $"{name}@theirs");
        Write(volume, "9");
        Assert.Equal("NewerSnapshotsRemain", Engine.Refused(() => Engine.Restore(guest.Domain, Named(guest, "s1"))).ErrorId);
        Assert.Equal("9", Content(volume));
        Host.Run("zfs", "destroy", $"{name}@theirs");

        // One that comes while the user is asked: nothing is begun that could not be taken back.
        using (var plan = Engine.Current.PlanRestore(guest.Domain, Named(guest, "s2"), false, new HeardReporter(), Token))
        {
            Host.Run("zfs", "snapshot", $"{name}@late");
            var error = Engine.Refused(() => plan.Run(Token));
            Assert.Contains("@late", error.Message, StringComparison.Ordinal);
            Assert.Contains("Everything was undone", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal("9", Content(volume));
        Host.Run("zfs", "destroy", $"{name}@late");
        Engine.Restore(guest.Domain, Named(guest, "s1"));
        Assert.Equal("1", Content(volume));
        AssertSnapshots(guest, "s1");
        RemoveAll(guest);
        Assert.Equal("-", Host.Run("zfs", "get", "-H", "-o", "value", "virtsnapshot:restore", name).Trim());
    }

    [Theory]
    [InlineData("thick", nameof(RunStep.Discarded))]
    [InlineData("thin", nameof(RunStep.DiskSwitched), nameof(RunStep.Discarded))]
    [InlineData("zvol", nameof(RunStep.DiskSwitched), nameof(RunStep.Discarded))]
    public void Killed_anywhere_it_is_undone_or_finished(string kind, params string[] late)
    {
        var volume = kind switch { "thick" => Thick(), "thin" => Thin(), _ => Zvol(out _) };
        var guest = TakeThree(volume);
        Die(nameof(RunStep.RestorePrepared));
        Assert.Equal(RepairAction.Undone, Repair(guest.Domain)!.Action);
        Assert.Equal("4", Content(volume));
        AssertSnapshots(guest, "s1", "s2", "s3");

        foreach (var step in late)
        {
            Die(step);
            var isOver = step == nameof(RunStep.Discarded);
            if (isOver)
            {
                // The user goes on with it, and repairs some day.
                Write(volume, "6");
            }

            Assert.Equal((step, RepairAction.Finished), (step, Repair(guest.Domain)!.Action));
            Assert.Equal((step, isOver ? "6" : "3"), (step, Content(volume)));
            Write(volume, "5");
        }

        // A thick one is used up.
        AssertSnapshots(guest, kind == "thick" ? ["s1", "s2"] : ["s1", "s2", "s3"]);
        Engine.Restore(guest.Domain, Named(guest, "s2"));
        Assert.Equal("2", Content(volume));
        RemoveAll(guest);

        void Die(string step) =>
            CrashTestProcess.Die(Host.Uri, guest.Name, new CrashTestRequest { Work = CrashTestWork.Restore, Name = "s3", Step = Enum.Parse<RunStep>(step) });
    }

    /// <summary>A set is undone as a whole: also what is final has not begun yet when another disk fails.</summary>
    [Fact]
    public void What_cannot_be_taken_back_has_its_turn_last()
    {
        var (thick, thin) = (Thick(), Thin());
        var guest = Define($"raw:{thick}", $"raw:{thin}");
        Write(thick, "1");
        Write(thin, "1");
        Engine.Take(guest.Domain, "both");
        Write(thick, "2");
        Write(thin, "2");
        CrashTestProcess.Die(Host.Uri, guest.Name, new CrashTestRequest { Work = CrashTestWork.Restore, Name = "both", Step = RunStep.DiskSwitched });
        Assert.Equal("2", Content(thick));

        Assert.Equal(RepairAction.Undone, Repair(guest.Domain)!.Action);
        Assert.Equal(("2", "2"), (Content(thick), Content(thin)));

        CrashTestProcess.Die(Host.Uri, guest.Name,
            new CrashTestRequest { Work = CrashTestWork.Restore, Name = "both", Step = RunStep.DiskSwitched, Occurrence = 2 });
        Assert.Equal(RepairAction.Finished, Repair(guest.Domain)!.Action);
        Assert.Equal(("1", "1"), (Content(thick), Content(thin)));
        RemoveAll(guest);
    }

    private static IReadOnlyList<DiskSnapshot> Named(LabHostGuest guest, string name) =>
        [.. Engine.List(guest.Domain).Where(snapshot => snapshot.Name == name)];

    /// <summary>Snapshots of 1, 2 and 3, and 4 is what it holds now.</summary>
    private LabHostGuest TakeThree(string volume)
    {
        var guest = Define($"raw:{volume}");
        for (var number = 1; number <= 3; number++)
        {
            Write(volume, $"{number}");
            Engine.Take(guest.Domain, $"s{number}");
        }

        Write(volume, "4");
        return guest;
    }

    private void Write(string path, string content) => Host.Run(
        "sh", "-ec", "printf %s \"$2\" | dd \"of=$1\" conv=notrunc,fsync status=none; printf %s \"$2\" | dd \"of=$1\" bs=1M seek=$2 conv=notrunc,fsync status=none", "sh", path, content);

    private string Content(string path) => Contents([path])[0];

    /// <summary>The first byte of each.</summary>
    private string[] Contents(IReadOnlyList<string> paths) => paths.Count == 0 ? [] : Host.Run(
        ["sh", "-ec", "for path; do blockdev --flushbufs \"$path\" 2>/dev/null || :; head -c 1 \"$path\"; echo; done", "sh", .. paths])
        .Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private void AssertSnapshots(LabHostGuest guest, params IReadOnlyList<string> names)
    {
        var snapshots = Engine.List(guest.Domain);
        Assert.Equal(names, snapshots.Select(snapshot => snapshot.Name));
        Assert.All(snapshots, snapshot => Assert.Equal((snapshot.Name, SnapshotState.Available), (snapshot.Name, snapshot.State)));
        Assert.Equal(names.Select(name => name[1..]), Contents([.. snapshots.Select(snapshot => snapshot.BackupSource.Path!)]));
        Assert.Null(RunJournal.Read(guest.Domain));
    }

    private void RemoveAll(LabHostGuest guest)
    {
        Engine.Remove(guest.Domain, Engine.List(guest.Domain));
        AssertNothingLeft(guest.Domain);
        Assert.DoesNotContain("virtsnapshot", Host.Run("zfs", "list", "-H", "-t", "all", "-o", "name"), StringComparison.Ordinal);
    }

    private string Zvol(out string name)
    {
        var device = Host.MakeStorage("zvol", Host.NewName("zvol"), "64M");
        var zvol = name = device["/dev/zvol/".Length..];
        Afterwards("zfs", "destroy", "-R", zvol);
        return device;
    }
}
