using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Cmdlets;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>The catalog held against reality.</summary>
public class SnapshotListTests(LabFixture lab)
{
    [Fact]
    public void What_is_there_is_available_the_oldest_first()
    {
        using var domain = new BareDomain(lab, "listed", isRunning: false);
        Engine.Take(domain.Domain, "b");
        Engine.Take(domain.Domain, "a");
        Assert.Equal(
            [("b", SnapshotState.Available), ("a", SnapshotState.Available)],
            Engine.List(domain.Domain).Select(snapshot => (snapshot.Name, snapshot.State)));
    }

    [Fact]
    public void A_source_that_is_gone_is_missing_until_it_is_back()
    {
        using var domain = new BareDomain(lab, "listed", isRunning: false);
        Engine.Take(domain.Domain);
        File.Move(domain.Image(), domain.Image() + "-away");
        Assert.Equal(SnapshotState.Missing, Assert.Single(Engine.List(domain.Domain)).State);
        File.Move(domain.Image() + "-away", domain.Image());
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
    }

    [Fact]
    public void A_snapshot_that_somebody_has_merged_by_hand_is_invalid_and_only_its_record_is_removed()
    {
        using var domain = new BareDomain(lab, "listed");
        var snapshot = Assert.Single(Engine.Take(domain.Domain));
        lab.Virsh("blockcommit", domain.Name, "vda", "--active", "--pivot", "--wait");
        Assert.Equal(SnapshotState.Invalid, Assert.Single(Engine.List(domain.Domain)).State);

        var heard = new HeardReporter();
        Assert.Null(Assert.Single(Engine.TryRemove(domain.Domain, [snapshot], reporter: heard, cancellation: TestContext.Current.CancellationToken)).Error);
        Assert.Contains($"The file '{snapshot.ModifiedDisk!.Source.Path}' is kept", Assert.Single(heard.Warnings), StringComparison.Ordinal);
        Assert.True(File.Exists(snapshot.ModifiedDisk.Source.Path));
        Assert.Empty(Engine.List(domain.Domain));
        Assert.Null(RunJournal.Read(domain.Domain));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_overlay_that_nothing_explains_is_shown_and_never_touched(bool isRunning)
    {
        using var domain = new BareDomain(lab, "listed", isRunning: isRunning);
        lab.Virsh("snapshot-create-as", domain.Name, "byhand", "--disk-only", "--no-metadata");
        var snapshot = Assert.Single(Engine.List(domain.Domain));
        Assert.Equal((SnapshotState.Unknown, "", Guid.Empty, null), (snapshot.State, snapshot.Name, snapshot.Group, snapshot.CreatedAt));
        Assert.Equal(domain.Image(), snapshot.BackupSource.Path);

        var error = Engine.RemovalRefused(domain.Domain, snapshot);
        Assert.Equal("SnapshotNotOurs", error.ErrorId);
        Assert.Contains($"'virsh blockcommit {domain.Name} vda --shallow --active --pivot'", error.Message, StringComparison.Ordinal);
        Assert.NotEqual(domain.Image(), domain.Domain.FindDisk("vda")!.Source.Path);
    }

    [Theory]
    [InlineData("listed-clone.qcow2", true)]
    [InlineData("listed-vda.clone.qcow2", true)]
    [InlineData("listed-clone.qcow2", false)]
    public void A_linked_clone_is_no_snapshot_and_no_merge_into_its_template_is_advised(string name, bool isTemplateDefined)
    {
        using var template = new BareDomain(lab, "listed", isRunning: false);
        var image = Clone(template.Image(), name);
        using var clone = new BareDomain(lab, "listed2", [BareDomain.FileDisk(image, "vda", "qcow2")], isRunning: false);
        if (!isTemplateDefined)
        {
            lab.Virsh("undefine", template.Name);
        }

        Assert.Empty(Engine.List(clone.Domain));
        Engine.Take(clone.Domain, "ours");
        Assert.Equal("ours", Assert.Single(Engine.List(clone.Domain)).Name);
        Engine.Remove(clone.Domain, Engine.List(clone.Domain));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_advised_merge_of_another_tool_s_snapshot_leaves_the_template_alone(bool isOnTop)
    {
        using var template = new BareDomain(lab, "listed", isRunning: false);
        BareDomain.WriteOffline(template.Image(), 1);
        using var clone = new BareDomain(lab, "listed2", [BareDomain.FileDisk(Clone(template.Image(), "listed-clone.qcow2"), "vda", "qcow2")]);
        var siblingImage = Clone(template.Image(), "listed-other.qcow2");
        using var sibling = new BareDomain(lab, "listed3", [BareDomain.FileDisk(siblingImage, "vda", "qcow2")], isRunning: false);
        lab.Virsh("snapshot-create-as", clone.Name, "byhand", "--disk-only", "--no-metadata");
        clone.Write(2);
        if (!isOnTop)
        {
            lab.Virsh("snapshot-create-as", clone.Name, "later", "--disk-only", "--no-metadata");
        }

        var (golden, chain) = (ImageDigest.OfFile(template.Image()), clone.Domain.FindDisk("vda")!.BackingChain.Count);
        var snapshot = Engine.List(clone.Domain)[^1];
        Assert.Equal((SnapshotState.Unknown, Path.Combine(lab.Images, "listed-clone.qcow2")), (snapshot.State, snapshot.BackupSource.Path));
        lab.Virsh(Advised(Engine.RemovalRefused(clone.Domain, snapshot)));

        Assert.Equal(golden, ImageDigest.OfFile(template.Image()));
        var disk = clone.Domain.FindDisk("vda")!;
        Assert.Equal((chain - 1, template.Image()), (disk.BackingChain.Count, disk.BackingChain[^1].Path));
        Assert.NotEqual(golden, ImageDigest.Of(disk.Source));
    }

    [Fact]
    public void No_merge_into_a_base_that_another_image_stands_on_is_advised()
    {
        using var domain = new BareDomain(lab, "listed");
        lab.Virsh("snapshot-create-as", domain.Name, "byhand", "--disk-only");
        var clone = Clone(domain.Image(), "listed-clone.qcow2");
        using var other = new BareDomain(lab, "listed2", [BareDomain.FileDisk(clone, "vda", "qcow2")], isRunning: false);

        // libvirt itself keeps it as a snapshot, so it is shown whoever stands on its base.
        var error = Engine.RemovalRefused(domain.Domain, Assert.Single(Engine.List(domain.Domain)));
        Assert.Equal("SnapshotNotOurs", error.ErrorId);
        Assert.DoesNotContain("blockcommit", error.Message, StringComparison.Ordinal);
        Assert.Contains("domain 'listed2'", error.Message, StringComparison.Ordinal);
        other.Dispose();
        error = Engine.RemovalRefused(domain.Domain, Assert.Single(Engine.List(domain.Domain)));
        Assert.DoesNotContain("blockcommit", error.Message, StringComparison.Ordinal);
        Assert.Contains(clone, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ours_above_and_below_a_foreign_overlay_are_told_from_it()
    {
        using var domain = new BareDomain(lab, "listed");
        var first = Engine.Take(domain.Domain, "ours1");
        lab.Virsh("snapshot-create-as", domain.Name, "byhand", "--disk-only", "--no-metadata");
        var second = Engine.Take(domain.Domain, "ours2");
        Assert.Equal(
            [("ours1", SnapshotState.Available), ("ours2", SnapshotState.Available), ("", SnapshotState.Unknown)],
            Engine.List(domain.Domain).Select(snapshot => (snapshot.Name, snapshot.State)));
        Engine.Remove(domain.Domain, [.. first, .. second]);
        Assert.Equal(SnapshotState.Unknown, Assert.Single(Engine.List(domain.Domain)).State);
    }

    [Fact]
    public void Removing_everything_leaves_other_tools_snapshots_with_one_error_each()
    {
        using var domain = new BareDomain(lab, "listed");
        lab.Virsh("snapshot-create-as", domain.Name, "byhand1", "--disk-only");
        lab.Virsh("snapshot-create-as", domain.Name, "byhand2", "--disk-only");
        Engine.Take(domain.Domain, "ours1");
        Engine.Take(domain.Domain, "ours2");
        using var engine = new PowerShellEngine();
        var result = engine.Run($"Get-DiskSnapshot listed -Uri '{lab.Uri}' | Remove-DiskSnapshot -Confirm:$false");

        Assert.Equal(["SnapshotNotOurs", "SnapshotNotOurs"], result.ErrorIds);
        Assert.All(["byhand1", "byhand2"], name => Assert.Single(
            result.Errors, error => $"{error}".Contains($"'virsh snapshot-delete listed {name} --metadata'", StringComparison.Ordinal)));
        Assert.Equal(["", ""], Engine.List(domain.Domain).Select(snapshot => snapshot.Name));
    }

    private string Clone(string image, string name)
    {
        var path = Path.Combine(lab.Images, name);
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", path);
        return path;
    }

    /// <summary>The command that an error tells to type.</summary>
    private static string[] Advised(VirtSnapshotException error)
    {
        var command = error.Message[(error.Message.IndexOf("'virsh ", StringComparison.Ordinal) + 7)..];
        return command[..command.IndexOf('\'', StringComparison.Ordinal)].Split(' ');
    }

    [Fact]
    public void A_removed_snapshot_is_not_found_any_more()
    {
        using var domain = new BareDomain(lab, "listed", isRunning: false);
        var snapshot = Assert.Single(Engine.Take(domain.Domain));
        Engine.Remove(domain.Domain, snapshot);
        var error = Engine.RemovalRefused(domain.Domain, snapshot);
        Assert.Equal((FailureKind.ObjectNotFound, "SnapshotNotFound"), (error.Kind, error.ErrorId));
    }
}
