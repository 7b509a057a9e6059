using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Forged;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.LibvirtVolume;
using VirtSnapshot.Tests.Storage;
using Xunit;

namespace VirtSnapshot.Tests.Conformance;

/// <summary>One guest that never stops writing records to disks on the storage of every local method.</summary>
public sealed class RecordTests : IDisposable
{
    /// <summary>The disks that each method snapshots. Together they have each format on each file system that matters to it.</summary>
    private static readonly (string Method, string[] Disks)[] Sets =
    [
        ("btrfs", ["vda", "vdb"]), ("reflink", ["vda", "vdc"]), ("libvirt-volume", ["vdd", "vde"]), ("qemu", ["vdc", "vdf"]),
    ];

    private readonly LoopFileSystem btrfs;
    private readonly LoopFileSystem xfs;
    private readonly RunningPool pool;
    private readonly TestFolder folder;
    private readonly TestGuest guest;

    public RecordTests(LabFixture lab)
    {
        folder = new TestFolder(Path.Combine(lab.Images, "records"));
        btrfs = new LoopFileSystem(lab.Images, "records-btrfs", ["mkfs.btrfs", "-q", "-m", "single"], "1G");
        xfs = new LoopFileSystem(lab.Images, "records-xfs", ["mkfs.xfs", "-q", "-m", "reflink=1"], "1G");
        var subvolume = Path.Combine(btrfs.Folder, "vms");
        LabScript.RunProgram("btrfs", "subvolume", "create", subvolume);
        var inPool = Directory.CreateDirectory(Path.Combine(xfs.Folder, "pool")).FullName;
        Folders = [subvolume, xfs.Folder, inPool, folder.Path];
        string[] disks =
        [
            $"raw:{Folders[0]}/a.raw", $"qcow2:{Folders[0]}/b.qcow2", $"qcow2:{Folders[1]}/c.qcow2",
            $"raw:{Folders[2]}/d.raw", $"raw:{Folders[2]}/e.raw", $"qcow2:{Folders[3]}/f.qcow2",
        ];
        var targets = disks.Select((_, i) => $"vd{(char)('a' + i)}").ToList();
        var options = targets.Zip(disks).SelectMany(disk => (string[])["--disk", $"{disk.First}={disk.Second}"]);
        guest = lab.Throwaway("recorder", [.. options, "--records", string.Join(',', targets), .. TestGuest.WritesFast]);
        pool = new RunningPool(lab, inPool);
    }

    private string[] Folders { get; }

    private VmDomain Domain => guest.Domain;

    public void Dispose()
    {
        guest.Dispose();
        pool.Dispose();
        xfs.Dispose();
        btrfs.Dispose();
        folder.Dispose();
    }

    [Fact]
    [Trait("Debian13", "yes")]
    public void Each_set_is_of_one_moment_and_stays_so_while_the_guest_writes_on()
    {
        var (live, entries) = (Disks(), Entries());
        foreach (var (method, disks) in Sets)
        {
            guest.WaitForMoreRecords();
            var acknowledged = guest.LastAcknowledged();
            var set = Engine.Take(Domain, method, disks, Engine.Required, method: method);
            Assert.Equal(disks, set.Select(snapshot => snapshot.Disk));
            Assert.All(set, snapshot => Assert.Equal(
                (method, Consistency.Quiesced, SnapshotState.Available), (snapshot.Method, snapshot.Consistency, snapshot.State)));
            Assert.InRange(set[0].FreezeWindow!.Value, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(30));
            Assert.Equal(method == "qemu", live != Disks());

            var before = set.Select(snapshot => ImageDigest.OfFile(snapshot.BackupSource.Path!)).ToList();
            guest.WaitForMoreRecords(10);
            Assert.Equal(before, set.Select(snapshot => ImageDigest.OfFile(snapshot.BackupSource.Path!)));

            // The reader fails where a record is torn, the journal needs a replay or e2fsck complains.
            AssertOneMoment(acknowledged, set, crashed: false);
            Engine.Remove(Domain, set);

            // Not frozen, the vCPUs are paused for the moment; an overlay needs no pause.
            acknowledged = guest.LastAcknowledged();
            set = Engine.Take(Domain, $"{method}-paused", disks, Engine.NoQuiesce, method: method);
            Assert.All(set, snapshot => Assert.Equal(method == "qemu" ? Consistency.CrashConsistent : Consistency.Paused, snapshot.Consistency));
            AssertOneMoment(acknowledged, set, crashed: true);
            Engine.Remove(Domain, set);
            Engine.AssertNothingLeft(Domain);
            Assert.Equal((live, entries), (Disks(), Entries()));
        }

        guest.WaitForMoreRecords();
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_guest_boots_from_a_set_that_every_method_has_restored_a_part_of()
    {
        string[] methods = ["btrfs", "btrfs", "reflink", "libvirt-volume", "libvirt-volume", "qemu"];
        foreach (var (disk, method) in Domain.Disks.Zip(methods))
        {
            Engine.Settings.Set(Domain, [DiskSelector.Parse(disk.Target)], DiskSnapshotMethod.Parse(method));
        }

        guest.WaitForMoreRecords();
        var acknowledged = guest.LastAcknowledged();
        var set = Engine.Take(Domain, "s1", quiescing: Engine.Required);
        Assert.Equal(methods, set.Select(snapshot => snapshot.Method));
        guest.WaitForMoreRecords();
        var last = AssertOneMoment(acknowledged, set, crashed: false);
        Engine.Take(Domain, "newer", ["vdf"]);
        guest.WaitForMoreRecords();
        guest.Lab.Virsh("destroy", guest.Name);

        Engine.Restore(Domain, "s1");

        Assert.Equal(last, Domain.Disks.Select(disk => TestGuest.ReadRecords(disk.Source.Path!, disk.Format!)));
        acknowledged = guest.LastAcknowledged();
        guest.Lab.Virsh("start", guest.Name);
        Poll.Until(
            () => guest.LastAcknowledged() is var now && now > last.Max() && now != acknowledged, 120, "The guest does not write from its restored disks.");
        guest.WaitForMoreRecords();
        var proof = Engine.Take(Domain, "proof", quiescing: Engine.Required);
        Assert.All(proof.Zip(last), pair => Assert.True(TestGuest.ReadRecords(pair.First.BackupSource.Path!, pair.First.BackupSource.Format!) > pair.Second));
        Assert.Equal(["s1", "proof"], Engine.List(Domain).Select(snapshot => snapshot.Name).Distinct());
        Engine.Remove(Domain, Engine.List(Domain));
        guest.WaitForMoreRecords();
        Engine.AssertNothingLeft(Domain);
    }

    /// <summary>The guest flushes each record to one disk before it writes it to the next.</summary>
    private static List<int> AssertOneMoment(int acknowledged, IReadOnlyList<DiskSnapshot> set, bool crashed)
    {
        var last = set.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!, snapshot.BackupSource.Format!, crashed)).ToList();
        Assert.All(last, number => Assert.True(number >= acknowledged, $"{number} is older than {acknowledged}, which was acknowledged before."));
        Assert.Equal(last.OrderDescending(), last);
        Assert.InRange(last[0] - last[^1], 0, 1);
        return last;
    }

    private string Disks() => string.Join('\n', Domain.Root.Element("devices")!.Elements("disk").Select(disk => disk.Element("source")));

    private string Entries() => string.Join('\n', Folders.SelectMany(name => Directory.GetFileSystemEntries(name)).Order(StringComparer.Ordinal));
}
