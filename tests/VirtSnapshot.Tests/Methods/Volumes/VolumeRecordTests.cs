using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Methods.Volumes;

/// <summary>A guest that never stops writing to both of its disks, whose images are snapshotted by what they lie on.</summary>
public sealed class VolumeRecordTests(LabFixture lab) : VolumeTest(lab)
{
    [Theory]
    [InlineData("btrfs", "raw", "btrfs")]
    [InlineData("btrfs", "qcow2", "btrfs")]
    [InlineData("reflink", "qcow2", "xfs")]
    [InlineData("reflink", "raw", "btrfs")]
    public void Both_disks_are_of_one_moment_time_and_again_and_the_domain_stays_as_it_is(string method, string format, string fileSystem)
    {
        var folder = fileSystem == "xfs" ? Xfs("1G").Folder : SubvolumeOf1G();
        using var guest = Lab.ThrowawayIn(folder, $"volume-{method}", "--format", format);
        var live = Disks(guest);
        var entries = Entries(Path.Combine(folder, "images"));
        for (var round = 0; round < 3; round++)
        {
            guest.WaitForMoreRecords();
            var acknowledged = guest.LastAcknowledged();
            var snapshots = Engine.Take(guest.Domain, quiescing: Engine.Required, method: method);
            Assert.Equal(["vda", "vdb"], snapshots.Select(snapshot => snapshot.Disk));
            Assert.All(snapshots, snapshot => Assert.Equal((method, Consistency.Quiesced, SnapshotState.Available), (snapshot.Method, snapshot.Consistency, snapshot.State)));
            Assert.All(snapshots, snapshot => Assert.Null(snapshot.ModifiedDisk));
            Assert.InRange(snapshots[0].FreezeWindow!.Value, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(30));
            Assert.Equal(live, Disks(guest));

            // The reader fails where a record is torn, the journal needs a replay or e2fsck complains.
            var last = Read(snapshots);
            var before = snapshots.Select(snapshot => ImageDigest.OfFile(snapshot.BackupSource.Path!)).ToList();
            Assert.All(last, number => Assert.True(number >= acknowledged, $"{number} is older than {acknowledged}, which was acknowledged before."));
            Assert.InRange(last[0] - last[1], 0, 1);

            guest.WaitForMoreRecords(10);
            Assert.Equal(last, Read(snapshots));
            Assert.Equal(before, snapshots.Select(snapshot => ImageDigest.OfFile(snapshot.BackupSource.Path!)));
            Engine.Remove(guest.Domain, snapshots);
            AssertNothingLeft(guest.Domain);
            Assert.Equal(entries, Entries(Path.Combine(folder, "images")));
            Assert.DoesNotContain(Entries(folder), entry => entry.StartsWith(".virtsnapshot", StringComparison.Ordinal));
        }

        // Not frozen, it stands still for the moment.
        guest.WaitForMoreRecords();
        var written = guest.LastAcknowledged();
        var paused = Engine.Take(guest.Domain, quiescing: Engine.NoQuiesce, method: method);
        Assert.All(paused, snapshot => Assert.Equal((Consistency.Paused, SnapshotState.Available), (snapshot.Consistency, snapshot.State)));
        var found = paused.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!, format, crashed: true)).ToList();
        Assert.All(found, number => Assert.True(number >= written, $"{number} is older than {written}, which was acknowledged before."));
        Assert.InRange(found[0] - found[1], 0, 1);
        Engine.Remove(guest.Domain, paused);
        guest.WaitForMoreRecords();
    }

    private static List<int> Read(IReadOnlyList<DiskSnapshot> snapshots) =>
        [.. snapshots.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!, snapshot.BackupSource.Format!))];

    private static string Disks(TestGuest guest) => string.Join('\n', guest.Domain.Root.Element("devices")!.Elements("disk"));

    private string SubvolumeOf1G()
    {
        Btrfs(out var root, size: "1G");
        return root;
    }
}
