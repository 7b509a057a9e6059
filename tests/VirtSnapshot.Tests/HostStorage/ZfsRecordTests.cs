using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>From the backup sources of a set the same records come back, none torn, none missing, from datasets and zvols alike.</summary>
public sealed class ZfsRecordTests(LabHost host) : ZfsTest(host)
{
    [Fact]
    public void A_frozen_set_on_two_datasets_and_a_zvol_is_of_one_moment()
    {
        using var recording = Host.WakeRecordingGuest();
        var guest = recording.Guest;
        guest.WaitForMoreRecords();
        var before = guest.LastAcknowledged();
        var sources = guest.Domain.Disks.Select(disk => disk.Source.Path).ToList();

        // By itself: nobody names the method.
        var set = Engine.Take(guest.Domain, "records", RecordingGuest.OnZfs, quiescing: Freezing);
        Assert.Equal(RecordingGuest.OnZfs, set.Select(snapshot => snapshot.Disk));
        Assert.All(set, snapshot =>
        {
            Assert.Equal(("zfs", Consistency.Quiesced, SnapshotState.Available), (snapshot.Method, snapshot.Consistency, snapshot.State));
            Assert.Null(snapshot.ModifiedDisk);
        });
        Assert.Equal(sources, guest.Domain.Disks.Select(disk => disk.Source.Path));

        // One transaction group: all of them in one atomic act.
        var names = Snapshots();
        Assert.Equal(3, names.Count);
        Assert.Single(Host.Run(["zfs", "get", "-Hp", "-o", "value", "createtxg", .. names]).Split('\n', StringSplitOptions.RemoveEmptyEntries).Distinct());
        guest.WaitForMoreRecords(3);

        var last = set.Select(snapshot => guest.ReadRecords(snapshot.BackupSource.Path!, snapshot.BackupSource.Format!)).ToList();
        Assert.All(last, number => Assert.True(number >= before, $"{number} records are there, and {before} had been acknowledged"));
        Assert.InRange(last.Max() - last.Min(), 0, 1);
        Assert.All(Engine.List(guest.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));

        // Nobody changes or deletes what is to be read.
        Assert.NotEqual(0, Host.TryRun("sh", "-c", "echo x >\"$1\"", "sh", set[0].BackupSource.Path!).ExitCode);
        Assert.NotEqual(0, Host.TryRun("dd", "if=/dev/zero", $"of={set[2].BackupSource.Path}", "bs=4k", "count=1", "oflag=direct").ExitCode);
        Assert.All(names, name => Assert.NotEqual(0, Host.TryRun("zfs", "destroy", name).ExitCode));

        Engine.Remove(guest.Domain, set);
        AssertNothingLeft(guest.Domain);
        guest.WaitForMoreRecords();
    }

    [Fact]
    public void Without_a_freeze_the_disks_of_a_set_are_of_one_moment_all_the_same()
    {
        using var recording = Host.WakeRecordingGuest();
        var guest = recording.Guest;
        guest.WaitForMoreRecords();
        var before = guest.LastAcknowledged();
        var set = Engine.Take(guest.Domain, "moment", RecordingGuest.OnZfsWithQcow2, quiescing: Engine.NoQuiesce, method: "zfs");
        guest.WaitForMoreRecords(3);

        // The guest flushes each record to one disk before it writes it to the next.
        var last = set.Select(snapshot => guest.ReadRecords(snapshot.BackupSource.Path!, snapshot.BackupSource.Format!, crashed: true)).ToList();
        Assert.All(last, number => Assert.True(number >= before, $"{number} records are there, and {before} had been acknowledged"));
        Assert.Equal(last.OrderDescending(), last);
        Assert.InRange(last[0] - last[2], 0, 1);
        Engine.Remove(guest.Domain, set);
        AssertNothingLeft(guest.Domain);
        guest.WaitForMoreRecords();
    }

    private List<string> Snapshots() =>
        [.. Ours().Where(name => name.StartsWith("tank/", StringComparison.Ordinal) && name.Contains('@', StringComparison.Ordinal))];
}
