using System.Diagnostics;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>What LVM refuses, loses and leaves behind.</summary>
public sealed class LvmFaultTests(LabHost host) : LvmTest(host)
{
    [Fact]
    public void A_snapshot_that_overflows_is_invalid_and_never_available_again()
    {
        var volume = Thick();
        var guest = Define($"raw:{volume}", $"raw:{Image("/srv/ext4")}");
        var set = Engine.Take(guest.Domain, "small", disks: ["vda", "vdb"], method: Method("<size>8M</size>"));
        Assert.All(Engine.List(guest.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));

        Host.Run("dd", "if=/dev/urandom", $"of={volume}", "bs=1M", "count=4", "oflag=direct");
        Assert.InRange(Engine.List(guest.Domain).Single(snapshot => snapshot.Disk == "vda").FillPercent ?? 0, 45, 65);
        Assert.All(Engine.List(guest.Domain), snapshot => Assert.Null(CowSpace.FindWarning(snapshot)));
        Host.Run("dd", "if=/dev/urandom", $"of={volume}", "bs=1M", "seek=4", "count=3", "oflag=direct");
        Assert.Contains(Engine.List(guest.Domain), snapshot => CowSpace.FindWarning(snapshot)?.Contains("disk 'vda'", StringComparison.Ordinal) == true);
        Host.Run("dd", "if=/dev/urandom", $"of={volume}", "bs=1M", "count=32", "oflag=direct");
        Host.Run("dd", "if=/dev/urandom", $"of={guest.Domain.Disks[1].Source.Path}", "bs=1M", "count=32", "conv=notrunc,fsync");
        Assert.All(Engine.List(guest.Domain), snapshot => Assert.Equal(SnapshotState.Invalid, snapshot.State));

        Engine.Remove(guest.Domain, set);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void A_full_group_is_told_with_what_is_needed_and_what_is_free()
    {
        var guest = Define($"raw:{Thick()}", $"raw:{Thick()}");
        var free = Free();
        Host.Run("lvcreate", "-qy", "-an", "-Zn", "-l", $"{free - 5}", "-n", "filler", "vg");
        Afterwards("lvremove", "-fy", "vg/filler");

        var error = Engine.Refused(() => Engine.Take(guest.Domain, "big", disks: ["vda"], method: Method("<size>50%</size>")));
        Assert.Equal((FailureKind.QuotaExceeded, "NoSpace"), (error.Kind, error.ErrorId));
        Assert.Contains("needs 64 MiB, and 20 MiB are free in volume group 'vg'. Nothing was touched.", error.Message, StringComparison.Ordinal);

        // Each alone has room enough, and both together have not: that comes out while preparing.
        error = Engine.Refused(() => Engine.Take(guest.Domain, "both", method: Method("<size>12M</size>")));
        Assert.Equal("NoSpace", error.ErrorId);

        Host.Run("lvextend", "-qq", "-l", "+100%FREE", "vg/filler");
        error = Engine.Refused(() => Engine.Take(guest.Domain, "none", disks: ["vda"]));
        Assert.Equal("NoSpace", error.ErrorId);
        Assert.Contains("0 MiB are free in volume group 'vg'", error.Message, StringComparison.Ordinal);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void A_nearly_full_pool_is_refused()
    {
        Host.Run("lvcreate", "-qy", "--type", "thin-pool", "-L", "128M", "-n", "small", "vg");
        Afterwards("lvremove", "-fy", "vg/small");
        var name = Host.NewName("thin");
        Host.Run("lvcreate", "-qy", "-V", "160M", "--thinpool", "small", "-n", name, "vg");

        var guest = Define($"raw:/dev/vg/{name}");
        var heard = new HeardReporter();
        Host.Run("dd", "if=/dev/urandom", $"of=/dev/vg/{name}", "bs=1M", "count=104", "oflag=direct");
        Engine.Remove(guest.Domain, Engine.Take(guest.Domain, "warned", reporter: heard));
        Assert.Contains(heard.Warnings, warning => warning.StartsWith("The COW space of snapshot 'warned'", StringComparison.Ordinal)
            && warning.Contains(" is 8", StringComparison.Ordinal));

        Host.Run("dd", "if=/dev/urandom", $"of=/dev/vg/{name}", "bs=1M", "seek=104", "count=20", "oflag=direct");
        var error = Engine.Refused(() => Engine.Take(guest.Domain, "refused"));
        Assert.Equal((FailureKind.QuotaExceeded, "NoSpace"), (error.Kind, error.ErrorId));
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void Two_files_on_one_volume_have_one_snapshot_and_the_last_of_them_deletes_it()
    {
        var guest = Define($"raw:{Image("/srv/ext4", "$(touch x) \" ")}", $"qcow2:{Image("/srv/ext4", "-rf; * ü")}");
        var set = Engine.Take(guest.Domain, "shared", method: "lvm");
        Assert.Single(Host.Run("lvs", "--noheadings", "@virtsnapshot").Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.All(set, snapshot => Host.Run("qemu-img", "info", "-U", "-f", snapshot.BackupSource.Format!, snapshot.BackupSource.Path!));

        Engine.Remove(guest.Domain, [set[0]]);
        Assert.Equal(SnapshotState.Available, StateOf(guest.Domain));
        Engine.Remove(guest.Domain, [set[1]]);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void What_somebody_reads_stays_until_he_has_ended()
    {
        var guest = Define($"raw:{Thick()}", $"raw:{Image("/srv/xfs")}");
        var set = Engine.Take(guest.Domain, "read", method: "lvm");
        foreach (var snapshot in set)
        {
            Host.Run("sh", "-c", "sleep 1000 <\"$1\" >/dev/null 2>&1 & echo $! >/run/reader", "sh", snapshot.BackupSource.Path!);
            var error = Engine.RemovalRefused(guest.Domain, [snapshot]);
            Assert.Equal((FailureKind.ResourceBusy, "SourceInUse"), (error.Kind, error.ErrorId));
            Host.Run("sh", "-c", "kill $(cat /run/reader)");
        }

        // Who merely stands in it keeps it from being unmounted.
        var folder = Path.GetDirectoryName(set[1].BackupSource.Path!)!;
        Host.Run("sh", "-c", "cd \"$1\" && { sleep 1000 >/dev/null 2>&1 & echo $! >/run/reader; }", "sh", folder);
        Assert.Equal("SourceInUse", Engine.RemovalRefused(guest.Domain, [set[1]]).ErrorId);
        Assert.Null(RunJournal.Read(guest.Domain));
        Host.Run("sh", "-c", "kill $(cat /run/reader)");
        Engine.Remove(guest.Domain, [.. Engine.List(guest.Domain)]);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void Only_what_carries_our_tag_is_deleted()
    {
        var volume = Thick();
        var guest = Define($"raw:{volume}");
        var set = Engine.Take(guest.Domain, "tagged");
        var name = VolumeOf(set[0].BackupSource.Path!);
        var tag = Host.Run("lvs", "--noheadings", "-o", "lv_tags", name).Trim().Split(',').Single(tag => tag != "virtsnapshot");
        Host.Run("lvchange", "-qq", "--deltag", tag, name);
        Assert.Equal(SnapshotState.Invalid, StateOf(guest.Domain));

        var error = Engine.RemovalRefused(guest.Domain, set);
        Assert.Equal("SnapshotNotOurs", error.ErrorId);
        Host.Run("lvs", name);

        Host.Run("lvchange", "-qq", "--addtag", tag, name);
        Repair(guest.Domain);
        Engine.Remove(guest.Domain, [.. Engine.List(guest.Domain)]);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void What_the_element_says_is_checked()
    {
        var volume = Thick();
        var guest = Define($"raw:{volume}");
        foreach (var (content, problem) in new[]
        {
            ("<device path='/dev/vg/ext4'/>", $"is not the disk's logical volume '{volume}'"),
            ("<device path='relative'/>", "is not the disk's logical volume"),
            ("<size>lots</size>", "is not a size"),
            ("<chunk>5K</chunk>", "is not a chunk's size"),
        })
        {
            var error = Engine.Refused(() => Engine.Take(guest.Domain, "wrong", method: Method(content)));
            Assert.Equal("MethodUnsuitable", error.ErrorId);
            Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        }

        var name = $"dashed{new string('-', 50)}";
        Assert.Equal("InvalidSnapshotName", Engine.Refused(() => Engine.Take(guest.Domain, name)).ErrorId);

        var heard = new HeardReporter();
        var mapped = $"/dev/mapper/{VolumeOf(volume).Replace("-", "--", StringComparison.Ordinal).Replace('/', '-')}";
        var set = Engine.Take(guest.Domain, "a_tmeta", method: Method($"<device path='{mapped}'/><size>25%</size><chunk>64K</chunk><Size>1</Size>"),
            reporter: heard);
        Assert.Equal(
            "32.00m 64.00k",
            string.Join(' ', Host.Run("lvs", "--noheadings", "-o", "lv_size,chunk_size", VolumeOf(set[0].BackupSource.Path!))
                .Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)));
        Assert.Contains(heard.Warnings, warning => warning.Contains("unknown element <Size>", StringComparison.Ordinal));
        Engine.Remove(guest.Domain, set);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void After_a_power_cut_a_volume_is_there_and_a_mounted_file_is_mounted_again_by_repairing_and_both_go()
    {
        var guest = Define($"raw:{Thick()}", $"raw:{Thin()}", $"raw:{Image("/srv/ext4")}");
        Engine.Settings.Set(guest.Domain, [DiskSelector.Parse("vdc")], Parsed("lvm"));
        var set = Engine.Take(guest.Domain, "cut");
        Assert.Equal(["lvm", "lvm-thin", "lvm"], set.Select(snapshot => snapshot.Method));
        Host.Run("sync");
        Host.Restart();
        Assert.Equal(
            [SnapshotState.Available, SnapshotState.Available, SnapshotState.Missing],
            Engine.List(guest.Domain).OrderBy(snapshot => snapshot.Disk, StringComparer.Ordinal).Select(snapshot => snapshot.State));
        Assert.Equal(RepairAction.Exposed, Repair(guest.Domain)!.Action);
        Assert.All(Engine.List(guest.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
        Assert.Null(Repair(guest.Domain));
        Engine.Remove(guest.Domain, [.. Engine.List(guest.Domain)]);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void A_clone_s_or_forged_record_of_another_domain_s_volumes_deletes_nothing()
    {
        var guest = Define($"raw:{Thick()}", $"raw:{Thin()}", $"raw:{Image("/srv/ext4")}");
        Engine.Take(guest.Domain, "one", ["vda", "vdb"]);
        AssertNobodyElseCanClaim(guest);
        Engine.Take(guest.Domain, "two", ["vdc"], method: "lvm");
        AssertNobodyElseCanClaim(guest);
    }

    /// <summary>What is not in sight is not taken for deleted.</summary>
    [Fact]
    public void A_snapshot_in_a_group_that_was_renamed_is_not_forgotten()
    {
        var device = Host.Run("sh", "-ec", "modprobe loop; truncate -s 256M \"$1\"; losetup -f --show \"$1\"", "sh", "/srv/ext4/group.img").Trim();
        Afterwards("sh", "-c", "vgremove -fy other moved; losetup -d \"$1\"; rm -f /srv/ext4/group.img", "sh", device);
        Host.Run("vgcreate", "-q", "other", device);
        Host.Run("lvcreate", "-qy", "-L", "64M", "-n", "disk", "other");
        var guest = Define("raw:/dev/other/disk");
        Engine.Take(guest.Domain, "s1");
        Host.Run("vgchange", "-an", "other");
        Host.Run("vgrename", "other", "moved");
        Assert.NotEqual(SnapshotState.Available, StateOf(guest.Domain));
        Assert.Equal("SourceMissing", Engine.RemovalRefused(guest.Domain, [.. Engine.List(guest.Domain)]).ErrorId);

        Host.Run("vgrename", "moved", "other");
        Assert.Equal(RepairAction.Finished, Repair(guest.Domain)!.Action);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void An_administrator_with_sudo_takes_them_and_one_without_is_refused_and_nothing_is_touched()
    {
        var guest = Define($"raw:{Thick()}", $"raw:{Image("/srv/ext4")}");
        VmDomain As(string user) => DomainFinder.FindOne(Host.Uri.Replace("root@", $"{user}@", StringComparison.Ordinal), guest.Name, Token);
        var error = Engine.Refused(() => Engine.Take(As("operator"), method: "lvm"));
        Assert.Equal((FailureKind.PermissionDenied, "SudoRefused"), (error.Kind, error.ErrorId));
        AssertNothingLeft(guest.Domain);

        var set = Engine.Take(As("admin"), "sudo", method: "lvm");
        Assert.All(Engine.List(As("admin")), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
        Engine.Remove(As("admin"), set);
        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void Wherever_a_run_dies_repairing_leaves_nothing_or_the_whole_set()
    {
        var guest = Define($"raw:{Image("/srv/ext4")}", $"raw:{Thin()}");
        Engine.Settings.Set(guest.Domain, [DiskSelector.Parse("vda")], Parsed("lvm"));
        AssertRepairedWhereverARunDies(guest);
    }

    /// <summary>LVM ends what it has begun; whatever that was, it is found and deleted.</summary>
    [Fact]
    public void Dying_in_the_midst_of_the_act_leaves_no_volume_suspended()
    {
        var volume = Thick();
        var guest = Define($"raw:{volume}");
        var crashTest = Dying(CrashTestWork.Snapshot, RunStep.Frozen) with { End = CrashTestEnd.KilledLater, DelayMilliseconds = 400 };
        using (var process = CrashTestProcess.Start(Host.Uri, guest.Name, crashTest))
        {
            process.WaitForEnd();
        }

        var watch = Stopwatch.StartNew();
        while (Host.TryRun("pgrep", "-x", "lvconvert").ExitCode == 0)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(2), "lvconvert does not end");
            Thread.Sleep(200);
        }

        Assert.DoesNotContain("SUSPENDED", Host.Run("dmsetup", "info"), StringComparison.Ordinal);
        Host.Run("dd", "if=/dev/zero", $"of={volume}", "bs=4k", "count=1", "oflag=direct");
        Repair(guest.Domain);
        Engine.Remove(guest.Domain, [.. Engine.List(guest.Domain)]);
        AssertNothingLeft(guest.Domain);
    }

    private long Free() => long.Parse(Host.Run("vgs", "--noheadings", "-o", "vg_free_count", "vg").Trim(), System.Globalization.CultureInfo.InvariantCulture);
}
