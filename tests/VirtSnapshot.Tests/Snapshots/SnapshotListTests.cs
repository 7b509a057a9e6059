using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
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
            SnapshotList.Of(domain.Domain).Select(snapshot => (snapshot.Name, snapshot.State)));
    }

    [Fact]
    public void A_source_that_is_gone_is_missing_until_it_is_back()
    {
        using var domain = new BareDomain(lab, "listed", isRunning: false);
        Engine.Take(domain.Domain);
        File.Move(domain.Image(), domain.Image() + "-away");
        Assert.Equal(SnapshotState.Missing, Assert.Single(SnapshotList.Of(domain.Domain)).State);
        File.Move(domain.Image() + "-away", domain.Image());
        Assert.Equal(SnapshotState.Available, Assert.Single(SnapshotList.Of(domain.Domain)).State);
    }

    [Fact]
    public void A_snapshot_that_somebody_has_merged_by_hand_is_invalid_and_is_not_merged_again()
    {
        using var domain = new BareDomain(lab, "listed");
        var snapshot = Assert.Single(Engine.Take(domain.Domain));
        lab.Virsh("blockcommit", domain.Name, "vda", "--active", "--pivot", "--wait");
        Assert.Equal(SnapshotState.Invalid, Assert.Single(SnapshotList.Of(domain.Domain)).State);
        Assert.Equal("SnapshotInvalid", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_overlay_that_nothing_explains_is_shown_and_never_touched(bool isRunning)
    {
        using var domain = new BareDomain(lab, "listed", isRunning: isRunning);
        lab.Virsh("snapshot-create-as", domain.Name, "byhand", "--disk-only", "--no-metadata");
        var snapshot = Assert.Single(SnapshotList.Of(domain.Domain));
        Assert.Equal((SnapshotState.Unknown, "", Guid.Empty, null), (snapshot.State, snapshot.Name, snapshot.Group, snapshot.CreatedAt));
        Assert.Equal(domain.Image(), snapshot.BackupSource.Path);

        Assert.Equal("SnapshotNotOurs", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);
        Assert.NotEqual(domain.Image(), domain.Domain.FindDisk("vda")!.Source.Path);
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
            SnapshotList.Of(domain.Domain).Select(snapshot => (snapshot.Name, snapshot.State)));
        Engine.Remove(domain.Domain, [.. first, .. second]);
        Assert.Equal(SnapshotState.Unknown, Assert.Single(SnapshotList.Of(domain.Domain)).State);
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
