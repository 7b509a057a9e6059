using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Snapshots;
using Xunit;

namespace VirtSnapshot.Tests.Methods.Volumes;

/// <summary>Images come back out of snapshots of what lies below them.</summary>
public sealed class FileRestoreTests(LabFixture lab) : VolumeTest(lab)
{

    [Theory]
    [InlineData("btrfs")]
    [InlineData("reflink")]
    public void The_image_keeps_its_owner_and_mode_and_no_warning_is_given(string method)
    {
        var root = method == "btrfs" ? SubvolumeOfBtrfs() : Xfs().Folder;
        var image = Raw(root, "a.raw", 1);
        LabScript.RunProgram("chown", "64055:100", image);
        LabScript.RunProgram("chmod", "0640", image);
        var domain = Define(LinkedDisk(image));
        Take(domain, "s1", method);
        WriteRaw(image, 2);
        var reporter = new HeardReporter();
        Engine.Restore(domain.Domain, Named(domain, "s1"), reporter);
        Assert.Empty(reporter.Warnings);
        Assert.Equal(1, Host.ReadHead(image, 1)[0]);
        Assert.Equal("64055:100 640", LabScript.RunProgram("stat", "-c", "%u:%g %a", image).Trim());
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Assert.Equal(["a.raw"], Entries(root));
    }

    [Fact]
    public void An_image_that_is_gone_comes_back()
    {
        Btrfs(out var root);
        var image = Raw(root, "a.raw", 7);
        var domain = Define(Disk(image));
        Take(domain, "s1");
        File.Delete(image);

        Engine.Restore(domain.Domain, "s1");

        Assert.Equal(7, Host.ReadHead(image, 1)[0]);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void Only_the_disks_own_image_comes_back_and_what_it_stands_on_must_be_what_it_was()
    {
        Btrfs(out var root);
        Directory.CreateDirectory(Path.Combine(root, "bases"));
        var backing = Qcow2(root, "bases/base.qcow2", content: 5);
        var image = Qcow2(root, "a.qcow2", backing: "bases/base.qcow2");
        var domain = Define(Disk(image, format: "qcow2"));
        Take(domain, "s1", "btrfs");
        var content = ImageDigest.Of(image, "qcow2");
        BareDomain.WriteOffline(image, 6, "1M");

        Engine.Restore(domain.Domain, Named(domain, "s1"));
        Assert.Equal(content, ImageDigest.Of(image, "qcow2"));

        BareDomain.WriteOffline(backing, 7, "2M");
        var changed = ImageDigest.Of(image, "qcow2");
        Assert.Equal("BackingImageChanged", Engine.Refused(() => Engine.Restore(domain.Domain, Named(domain, "s1"))).ErrorId);
        Assert.Equal(changed, ImageDigest.Of(image, "qcow2"));
        Engine.Remove(domain.Domain, Named(domain, "s1"));
        AssertNothingLeft(domain.Domain);
    }

    [Theory]
    [InlineData("taken name", "OverlayExists")]
    [InlineData("changed snapshot", "SnapshotInvalid")]
    public void What_cannot_be_restored_safely_is_refused_and_nothing_is_touched(string obstacle, string errorId)
    {
        Btrfs(out var root);
        var image = Raw(root, "a.raw", 1);
        var domain = Define(Disk(image));
        Take(domain, "s1");
        WriteRaw(image, 2);
        switch (obstacle)
        {
            case "taken name":
                File.WriteAllText(Path.Combine(root, $".virtsnapshot-restore-{Named(domain, "s1")[0].Group:N}-vda.old"), "notes");
                break;
            case "changed snapshot":
                LabScript.RunProgram("btrfs", "property", "set", "-f", "-ts", Path.GetDirectoryName(Named(domain, "s1")[0].BackupSource.Path!)!, "ro", "false");
                break;
        }

        var (xml, entries) = (domain.Domain.Xml, Entries(root));
        var refused = Engine.Refused(() => Engine.Restore(domain.Domain, Named(domain, "s1")));
        Assert.Equal(errorId, refused.ErrorId);
        Assert.Contains("Nothing was touched.", refused.Message, StringComparison.Ordinal);
        Assert.Equal(2, Host.ReadHead(image, 1)[0]);
        Assert.Equal((xml, string.Join('\n', entries)), (domain.Domain.Xml, string.Join('\n', Entries(root))));
    }

    [Fact]
    public void No_room_for_a_copy_and_all_is_as_before()
    {
        using var method = CopyMethod.Register(TimeSpan.Zero);
        using var small = new SmallFileSystem(Lab, "no-room-to-restore");
        var image = Raw(small.Folder, "a.raw", 1);
        using var domain = new BareDomain(Lab, "no-room", [Disk(image)], isRunning: false);
        Engine.Take(domain.Domain, "s1", method: CopyMethod.MethodName);
        WriteRaw(image, 2);
        var before = Entries(small.Folder);
        small.Fill(leaveKiB: 500);

        Assert.Equal("NoSpace", Engine.Refused(() => Engine.Restore(domain.Domain, "s1")).ErrorId);

        File.Delete(Path.Combine(small.Folder, "filler"));
        Assert.Equal(before, Entries(small.Folder));
        Assert.Equal(2, Host.ReadHead(image, 1)[0]);
        Assert.Null(RunJournal.Read(domain.Domain));
        Engine.Restore(domain.Domain, "s1");
        Assert.Equal(1, Host.ReadHead(image, 1)[0]);
    }

    [Fact]
    public void What_a_guest_has_written_to_a_half_restored_disk_is_kept()
    {
        Btrfs(out var root);
        string[] images = [Raw(root, "a.raw", 1), Raw(root, "b.raw", 1)];
        var domain = Define(Disk(images[0]), Disk(images[1], "vdb"));
        Take(domain, "s1");
        WriteRaw(images[0], 2);
        WriteRaw(images[1], 2);
        Kill(domain, nameof(RunStep.DiskSwitched), 1);
        Lab.Virsh("start", domain.Name);
        domain.Write(5);
        Assert.Equal(RepairAction.Incomplete, RepairOf(domain).Action);
        Lab.Virsh("destroy", domain.Name);

        for (var attempt = 1; attempt <= 2; attempt++)
        {
            var result = RepairOf(domain);
            Assert.Equal(RepairAction.Incomplete, result.Action);
            Assert.Contains(".written", Assert.Single(result.Details), StringComparison.Ordinal);
        }

        var written = Directory.GetFiles(root, ".*.written").Single();
        Assert.Equal(5, Host.ReadHead(written, 1)[0]);
        Assert.Equal([2, 2], images.Select(image => Host.ReadHead(image, 1)[0]));
        File.Delete(written);
        Assert.Equal(RepairAction.Undone, RepairOf(domain).Action);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        AssertNothingLeft(domain.Domain);
    }

    private static void Take(BareDomain domain, string name, string? method = null) => Engine.Take(domain.Domain, name, method: method);

    private static IReadOnlyList<DiskSnapshot> Named(BareDomain domain, string name) =>
        [.. Engine.List(domain.Domain).Where(snapshot => snapshot.Name == name)];

    private static RepairResult RepairOf(BareDomain domain)
    {
        using var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), TestContext.Current.CancellationToken)!;
        return plan.Run(TestContext.Current.CancellationToken);
    }

    private void Kill(BareDomain domain, string step, int occurrence) => CrashTestProcess.Die(Lab, domain.Name, new CrashTestRequest
    {
        Work = CrashTestWork.Restore,
        Name = "s1",
        Step = Enum.Parse<RunStep>(step),
        Occurrence = occurrence,
    });

    private string SubvolumeOfBtrfs()
    {
        Btrfs(out var root);
        return root;
    }
}
