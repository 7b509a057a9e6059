using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>Disks of a shut-off domain go back to what a snapshot of method qemu holds.</summary>
public class RestoreTests(LabFixture lab)
{
    [Theory]
    [InlineData("s3 s1")]
    [InlineData("s2 s2 s2")]
    public void The_disk_holds_what_the_snapshot_holds_and_what_was_older_stays(string request)
    {
        using var domain = new BareDomain(lab, "restored", isRunning: false);
        TakeThree(domain);
        var contents = Contents(domain);
        foreach (var name in request.Split(' '))
        {
            var restored = Assert.Single(Engine.Restore(domain.Domain, name));
            foreach (var newer in contents.Keys.Where(other => string.CompareOrdinal(other, name) > 0).ToList())
            {
                contents.Remove(newer);
            }

            Assert.Equal(contents[name], DiskContent(domain));
            Assert.Equal(contents, Contents(domain));
            Assert.All(Engine.List(domain.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
            Assert.Equal((name, domain.Domain.FindDisk("vda")!.Source.Path), (restored.Name, restored.ModifiedDisk!.Source.Path));
            AssertOnlyChain(domain);

            // The overlay is the guest's, and the base is not.
            BareDomain.WriteOffline(domain.Domain.FindDisk("vda")!.Source.Path!, 9, "5M");
            Assert.NotEqual(contents[name], DiskContent(domain));
            Assert.Equal(contents, Contents(domain));
        }

        var disk = DiskContent(domain);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
        Assert.Equal(disk, DiskContent(domain));
    }

    [Fact]
    public void What_would_be_lost_is_named_before_anything_is_touched()
    {
        using var domain = new BareDomain(lab, "restored", isRunning: false);
        TakeThree(domain);
        var (xml, files) = (domain.Domain.Xml, Files(domain));
        var doomed = domain.Domain.FindDisk("vda")!.Source.Path!;
        using (var plan = Engine.Current.PlanRestore(domain.Domain, Named(domain, "s1"), false, new HeardReporter(), TestContext.Current.CancellationToken))
        {
            var disk = Assert.Single(plan.Disks);
            Assert.Equal(["s3", "s2"], disk.LostSnapshots);
            Assert.False(disk.UsesUpSnapshot);
            Assert.Contains("LOST: its newer snapshots 's3', 's2'", plan.Description, StringComparison.Ordinal);
            Assert.Contains(doomed, plan.Description, StringComparison.Ordinal);
        }

        Assert.Equal((xml, files), (domain.Domain.Xml, Files(domain)));
    }

    [Fact]
    public void A_set_is_restored_as_a_whole_or_with_a_warning_in_part()
    {
        using var domain = new BareDomain(lab, "restored", [BareDomain.Qcow2(lab, "restored", "vda"), BareDomain.Qcow2(lab, "restored", "vdb")],
            isRunning: false);
        Engine.Take(domain.Domain, "s1");
        Use(domain);
        Engine.Take(domain.Domain, "s2");
        Use(domain);
        var before = Digests(domain);
        var reporter = new HeardReporter();

        Engine.Restore(domain.Domain, [.. Named(domain, "s1").Where(snapshot => snapshot.Disk == "vdb")], reporter);

        Assert.Contains("only vdb is restored: vda is not restored", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
        Assert.Equal(before[0], Digests(domain)[0]);
        Assert.NotEqual(before[1], Digests(domain)[1]);
        Assert.Equal(["vda@s1", "vdb@s1", "vda@s2"], Engine.List(domain.Domain).Select(snapshot => $"{snapshot.Disk}@{snapshot.Name}"));

        Assert.Equal(2, Engine.Restore(domain.Domain, "s1").Count);
        Assert.Equal(Named(domain, "s1").Select(snapshot => ImageDigest.Of(snapshot.BackupSource)), Digests(domain));
        AssertOnlyChain(domain);
    }

    [Fact]
    public void A_disk_that_has_grown_since_is_as_large_as_it_was()
    {
        using var domain = new BareDomain(lab, "restored", isRunning: false);
        Engine.Take(domain.Domain, "small");
        LabScript.RunProgram("qemu-img", "resize", "-q", domain.Domain.FindDisk("vda")!.Source.Path!, "20M");
        Engine.Restore(domain.Domain, "small");
        Assert.Contains("virtual size: 8 MiB", LabScript.RunProgram("qemu-img", "info", domain.Domain.FindDisk("vda")!.Source.Path!), StringComparison.Ordinal);
    }

    [Fact]
    public void A_raw_base_is_restored_and_the_domain_starts_and_writes()
    {
        var image = Path.Combine(lab.Images, "restored-raw.img");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "raw", image, "8M");
        using var domain = new BareDomain(lab, "restored", [BareDomain.FileDisk(image, "vda", "raw")], isRunning: false);
        BareDomain.WriteOffline(image, 1, format: "raw");
        Engine.Take(domain.Domain, "s1");
        var content = ImageDigest.Of(image, "raw");
        Use(domain);

        Engine.Restore(domain.Domain, "s1");
        Assert.Equal(content, DiskContent(domain));
        lab.Virsh("start", domain.Name);
        domain.Write(7);
        lab.Virsh("destroy", domain.Name);
        Assert.NotEqual(content, DiskContent(domain));
        Assert.Equal(content, ImageDigest.Of(image, "raw"));
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
    }

    [Theory]
    [InlineData("paused", "DomainRunning")]
    [InlineData("two sets", "SeveralSets")]
    [InlineData("overlay without a record", "SnapshotNotOurs")]
    [InlineData("inner snapshot", "OverlayHasSnapshots")]
    [InlineData("base gone", "SnapshotInvalid")]
    [InlineData("removed", "SnapshotNotFound")]
    public void What_cannot_be_restored_safely_is_refused_and_nothing_is_touched(string obstacle, string errorId)
    {
        using var domain = new BareDomain(lab, "restored", isRunning: false);
        TakeThree(domain);
        var chosen = Named(domain, "s2");
        var overlay = domain.Domain.FindDisk("vda")!.Source.Path!;
        switch (obstacle)
        {
            case "paused":
                lab.Virsh("start", domain.Name, "--paused");
                break;
            case "two sets":
                chosen = [.. Engine.List(domain.Domain)];
                break;
            case "overlay without a record":
                lab.Virsh("snapshot-create-as", domain.Name, "strange", "--disk-only", "--no-metadata");
                break;
            case "inner snapshot":
                LabScript.RunProgram("qemu-img", "snapshot", "-c", "inner", overlay);
                break;
            case "base gone":
                File.Delete(chosen[0].BackupSource.Path!);
                break;
            case "removed":
                Engine.Remove(domain.Domain, chosen);
                break;
        }

        var (xml, files) = (domain.Domain.Xml, Files(domain));
        var refused = Engine.Refused(() => Engine.Restore(domain.Domain, chosen));
        Assert.Equal(errorId, refused.ErrorId);
        Assert.Contains("Nothing was touched.", refused.Message, StringComparison.Ordinal);
        Assert.Equal(
            obstacle == "overlay without a record",
            refused.Message.Contains("'virsh blockcommit restored vda --shallow --active --pivot'", StringComparison.Ordinal));
        Assert.Equal((xml, files), (domain.Domain.Xml, Files(domain)));
    }

    [Fact]
    public void No_room_for_the_new_overlay_and_all_is_as_before()
    {
        using var small = new SmallFileSystem(lab, "restored-small");
        using var domain = new BareDomain(lab, "restored", [BareDomain.Qcow2(lab, "restored", "vda"), BareDomain.Qcow2(lab, "restored", "vdb")],
            isRunning: false);
        Engine.Take(domain.Domain, "s1", disks: ["vda", "vdb"], overlayDirectory: small.Folder);
        Use(domain);
        var (disks, before) = (Digests(domain), Directory.GetFiles(small.Folder));

        // Room for one of the two.
        small.Fill(leaveKiB: 300);
        Assert.Equal("NoSpace", Engine.Refused(() => Engine.Restore(domain.Domain, "s1")).ErrorId);

        File.Delete(Path.Combine(small.Folder, "filler"));
        Assert.Equal(before, Directory.GetFiles(small.Folder));
        Assert.Equal(disks, Digests(domain));
        Assert.Null(RunJournal.Read(domain.Domain));
        Assert.Equal(2, Engine.Restore(domain.Domain, "s1").Count);
        Assert.NotEqual(disks, Digests(domain));
    }

    [Fact]
    public void An_overlay_that_somebody_reads_by_then_is_kept_until_it_is_read()
    {
        using var domain = new BareDomain(lab, "restored", isRunning: false);
        TakeThree(domain);
        var expected = Contents(domain)["s2"];
        var source = Assert.Single(Named(domain, "s3")).BackupSource.Path!;
        FileStream? reader = null;
        Engine.Observer = step => reader ??= step == RunStep.AllSwitched ? File.Open(source, FileMode.Open, FileAccess.Read, FileShare.ReadWrite) : null;
        try
        {
            var error = Engine.Refused(() => Engine.Restore(domain.Domain, "s2"));
            Assert.Equal("RestoreUnfinished", error.ErrorId);
            Assert.Contains(source, error.Message, StringComparison.Ordinal);
        }
        finally
        {
            Engine.Observer = null;
            reader?.Dispose();
        }

        Assert.Equal(expected, DiskContent(domain));
        Assert.True(File.Exists(source));
        using var repair = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), TestContext.Current.CancellationToken)!;
        Assert.Equal(RepairAction.Finished, repair.Run(TestContext.Current.CancellationToken).Action);
        Assert.Equal(expected, DiskContent(domain));
        AssertOnlyChain(domain);
    }

    private static void TakeThree(BareDomain domain)
    {
        for (byte i = 1; i <= 3; i++)
        {
            Write(domain, i, $"{i}M");
            Write(domain, i, "0");
            Engine.Take(domain.Domain, $"s{i}");
        }

        Write(domain, 4, "0");
        Write(domain, 4, "2M");
        Assert.Equal(4, Contents(domain).Values.Append(DiskContent(domain)).Distinct().Count());
    }

    private static void Use(BareDomain domain)
    {
        foreach (var disk in domain.Domain.Disks)
        {
            BareDomain.WriteOffline(disk.Source.Path!, (byte)(Engine.List(domain.Domain).Count + 1), "3M");
        }
    }

    private static void Write(BareDomain domain, byte pattern, string offset) =>
        BareDomain.WriteOffline(domain.Domain.FindDisk("vda")!.Source.Path!, pattern, offset);

    private static IReadOnlyList<DiskSnapshot> Named(BareDomain domain, string name) =>
        [.. Engine.List(domain.Domain).Where(snapshot => snapshot.Name == name)];

    private static Dictionary<string, string> Contents(BareDomain domain) =>
        Engine.List(domain.Domain).ToDictionary(snapshot => snapshot.Name, snapshot => ImageDigest.Of(snapshot.BackupSource));

    private static string DiskContent(BareDomain domain) => ImageDigest.Of(domain.Domain.FindDisk("vda")!.Source);

    private static IReadOnlyList<string> Digests(BareDomain domain) => [.. domain.Domain.Disks.Select(disk => ImageDigest.Of(disk.Source))];

    private string Files(BareDomain domain) => string.Join('\n', Directory.GetFiles(lab.Images, $"{domain.Name}-*").Order(StringComparer.Ordinal));

    /// <summary>No journal, and no image beside those that the disks stand on.</summary>
    private static void AssertOnlyChain(BareDomain domain)
    {
        Assert.Null(RunJournal.Read(domain.Domain));
        var host = new VirtSnapshot.Hosts.LocalHost("test:///default");
        var chains = domain.Domain.Disks.SelectMany(disk => VirtSnapshot.Storage.ImageChain.Of(host, domain.Domain, disk)).Select(layer => layer.Path!);
        Assert.Equal(chains.Order(StringComparer.Ordinal), Directory.GetFiles(Path.GetDirectoryName(domain.Image())!, $"{domain.Name}-vd*")
            .Order(StringComparer.Ordinal));
    }
}
