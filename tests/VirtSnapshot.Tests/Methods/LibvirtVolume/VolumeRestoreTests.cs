using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.LibvirtVolume;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.Volumes;
using Xunit;

namespace VirtSnapshot.Tests.Methods.LibvirtVolume;

/// <summary>Disks that go on in a new volume, copied by libvirt from a snapshot that it made.</summary>
public sealed class VolumeRestoreTests(LabFixture lab) : VolumeTest(lab)
{
    private const string Method = "libvirt-volume";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_disk_holds_what_the_snapshot_holds_and_no_snapshot_is_lost(bool isNamedByPool)
    {
        var folder = Xfs().Folder;
        var image = Raw(folder, "a.raw");
        LabScript.RunProgram("chown", "64055:100", image);
        LabScript.RunProgram("chmod", "0640", image);
        using var pool = new RunningPool(Lab, folder);
        var domain = Define(isNamedByPool ? BareDomain.Disk("volume", $"<source pool='{RunningPool.Name}' volume='a.raw'/>", "vda", "raw") : Disk(image));
        for (byte number = 1; number <= 2; number++)
        {
            WriteRaw(image, number);
            Engine.Take(domain.Domain, $"s{number}", method: Method);
        }

        WriteRaw(image, 3);
        var names = new List<string>();
        foreach (var number in new byte[] { 1, 2, 2, 2, 1 })
        {
            var heard = new HeardReporter();
            using (var plan = Engine.Current.PlanRestore(domain.Domain, Named(domain, $"s{number}"), false, heard, TestContext.Current.CancellationToken))
            {
                Assert.Contains("new volume", plan.Description, StringComparison.Ordinal);
                Assert.False(Assert.Single(plan.Disks).UsesUpSnapshot);
            }

            var before = Current(domain);
            Assert.Equal($"s{number}", Assert.Single(Engine.Restore(domain.Domain, Named(domain, $"s{number}"), heard)).Name);
            var now = Current(domain);
            names.Add(Path.GetFileName(now));
            Assert.Equal((number, false), (Host.ReadHead(now, 1)[0], File.Exists(before)));
            Assert.Equal("64055:100 640", LabScript.RunProgram("stat", "-c", "%u:%g %a", now).Trim());
            Assert.Equal(isNamedByPool ? DiskSourceType.Volume : DiskSourceType.File, domain.Domain.Disks[0].Source.Type);
            Assert.Equal([1, 2], Recorded(domain.Domain).Select(snapshot => Host.ReadHead(snapshot.BackupSource.Path!, 1)[0]));
            Assert.All(Recorded(domain.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
            Assert.Null(RunJournal.Read(domain.Domain));
            WriteRaw(now, 9);
        }

        var groups = Recorded(domain.Domain).Select(snapshot => snapshot.Group.ToString("N")[..16]).ToList();
        Assert.Equal(
            [$"a.restored-{groups[0]}.raw", $"a.restored-{groups[1]}.raw", $"a.restored-{groups[1]}-2.raw", $"a.restored-{groups[1]}.raw",
                $"a.restored-{groups[0]}.raw"],
            names);
        Lab.Virsh("start", domain.Name);
        Lab.Virsh("destroy", domain.Name);
        Engine.Remove(domain.Domain, Recorded(domain.Domain));
        AssertNothingLeft(domain.Domain);
        Assert.Equal([names[^1]], Entries(folder));
    }

    [Fact]
    public void A_qcow2_disk_comes_back_with_all_that_it_stood_on_and_that_stays_as_it_is()
    {
        var folder = Xfs().Folder;
        var backing = Qcow2(folder, "base.qcow2", content: 5);
        var image = Qcow2(folder, "a.qcow2", backing: "base.qcow2");
        BareDomain.WriteOffline(image, 6, "1M");
        using var pool = new RunningPool(Lab, folder);
        var domain = Define(Disk(image, format: "qcow2"));
        var (content, below) = (ImageDigest.Of(image, "qcow2"), ImageDigest.OfFile(backing));
        Engine.Take(domain.Domain, "s1", method: Method);
        BareDomain.WriteOffline(image, 7, "1M");

        Engine.Restore(domain.Domain, Named(domain, "s1"));

        Assert.Equal(content, ImageDigest.Of(Current(domain), "qcow2"));
        Assert.Equal((below, false), (ImageDigest.OfFile(backing), File.Exists(image)));
        Engine.Remove(domain.Domain, Recorded(domain.Domain));
        Assert.Equal([Path.GetFileName(Current(domain)), "base.qcow2"], Entries(folder));
    }

    [Theory]
    [InlineData("inner snapshot", "SourceShared")]
    [InlineData("taken name", "OverlayExists")]
    [InlineData("elsewhere", "SnapshotForeign")]
    [InlineData("another volume", "SnapshotForeign")]
    public void What_cannot_be_restored_safely_is_refused_and_nothing_is_touched(string obstacle, string errorId)
    {
        var folder = Xfs().Folder;
        var image = Qcow2(folder, "a.qcow2");
        using var pool = new RunningPool(Lab, folder);
        var domain = Define(Disk(image, format: "qcow2"));
        var group = Engine.Take(domain.Domain, "s1", method: Method)[0].Group.ToString("N")[..16];
        switch (obstacle)
        {
            case "inner snapshot":
                LabScript.RunProgram("qemu-img", "snapshot", "-c", "theirs", image);
                break;
            case "taken name":
                File.WriteAllText(Path.Combine(folder, $"a.restored-{group}.qcow2"), "notes");
                break;
            case "another volume":
                Qcow2(folder, "other.qcow2");
                Lab.Virsh("pool-refresh", RunningPool.Name);
                Lab.Virsh("detach-disk", domain.Name, "vda", "--config");
                Lab.Virsh("attach-disk", domain.Name, Path.Combine(folder, "other.qcow2"), "vda", "--targetbus", "virtio", "--subdriver", "qcow2", "--config");
                break;
            case "elsewhere":
                Lab.Virsh("detach-disk", domain.Name, "vda", "--config");
                Lab.Virsh("attach-disk", domain.Name, BareDomainImage(), "vda", "--targetbus", "virtio", "--subdriver", "raw", "--config");
                break;
        }

        var (entries, source) = (Entries(folder), domain.Domain.Disks[0].Source);
        var error = Engine.Refused(() => Engine.Restore(domain.Domain, Named(domain, "s1")));
        Assert.Equal(errorId, error.ErrorId);
        Assert.Contains("Nothing was touched", error.Message, StringComparison.Ordinal);
        Assert.Equal(entries, Entries(folder));
        Assert.Equal(source, domain.Domain.Disks[0].Source);
        Assert.Null(RunJournal.Read(domain.Domain));
    }

    /// <summary>Whoever may edit the domain may write into its journal.</summary>
    [Fact]
    public void A_journal_that_names_something_else_deletes_nothing()
    {
        var folder = Xfs().Folder;
        var domain = Define(Disk(Raw(folder, "a.raw")));
        Raw(folder, "other.raw");
        using var pool = new RunningPool(Lab, folder);
        Engine.Take(domain.Domain, "s1", method: Method);
        CrashTestProcess.Die(Lab, domain.Name, new CrashTestRequest { Work = CrashTestWork.Restore, Name = "s1", Step = RunStep.RestorePrepared });
        var made = Entries(folder).Single(name => name.Contains(".restored-", StringComparison.Ordinal));
        var definition = Path.Combine(Lab.Images, $"{domain.Name}-edited.xml");
        File.WriteAllText(definition, domain.Domain.Xml.Replace(made, "other.raw", StringComparison.Ordinal));
        Lab.Virsh("define", definition);

        using var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), TestContext.Current.CancellationToken)!;
        Assert.Equal(RepairAction.Incomplete, plan.Run(TestContext.Current.CancellationToken).Action);
        Assert.Contains("other.raw", Entries(folder));
    }

    [Theory]
    [InlineData("web1.raw", "web1.restored-0a1b2c3d00000000.raw")]
    [InlineData("web1.restored-1111111100000000.raw", "web1.restored-0a1b2c3d00000000.raw")]
    [InlineData("web1.restored-0a1b2c3d00000000.raw", "web1.restored-0a1b2c3d00000000-2.raw")]
    [InlineData("web1.restored-0a1b2c3d00000000-2.raw", "web1.restored-0a1b2c3d00000000.raw")]
    [InlineData("lv", "lv.restored-0a1b2c3d00000000")]
    [InlineData("lv.restored-0a1b2c3d00000000", "lv.restored-0a1b2c3d00000000-2")]
    [InlineData("lv.restored-0a1b2c3d00000000-2", "lv.restored-0a1b2c3d00000000")]
    [InlineData("a.b.qcow2", "a.b.restored-0a1b2c3d00000000.qcow2")]
    public void The_next_volumes_name_does_not_grow(string replaced, string next) =>
        Assert.Equal(next, VolumeReplacement.NameAfter(replaced, Guid.Parse("0a1b2c3d-0000-0000-0000-000000000000")));

    private static IReadOnlyList<DiskSnapshot> Named(BareDomain domain, string name) =>
        [.. Engine.List(domain.Domain).Where(snapshot => snapshot.Name == name)];

    private static string Current(BareDomain domain) => domain.Domain.Disks[0].Source.Path!;

    private string BareDomainImage() => Raw(Lab.Images, "volumes-elsewhere.raw");
}
