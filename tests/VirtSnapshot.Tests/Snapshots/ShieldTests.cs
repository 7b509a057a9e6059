using VirtSnapshot.Domains;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>A method that is slow, or mixed with another one: overlays take the guest's writes meanwhile, and go again.</summary>
public sealed class ShieldTests(LabFixture lab) : FaultTest(lab)
{
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(5);

    [Fact]
    public void The_guest_is_frozen_for_the_switch_alone_and_writes_on_while_the_slow_snapshot_is_taken()
    {
        using var method = CopyMethod.Register(Slow);
        var disks = Live.Domain.Disks.Select(disk => disk.Source.Path).ToList();
        Live.WaitForMoreRecords();
        var acknowledged = Live.LastAcknowledged();

        var snapshots = Engine.Take(Live.Domain, "slow", quiescing: Engine.Required, method: CopyMethod.MethodName);
        var afterwards = Live.LastAcknowledged();

        Assert.All(snapshots, snapshot => Assert.Equal((Consistency.Quiesced, null), (snapshot.Consistency, snapshot.ModifiedDisk)));
        Assert.True(snapshots[0].FreezeWindow < Slow / 2, $"The guest was frozen for {snapshots[0].FreezeWindow}.");
        Assert.Equal(disks, Live.Domain.Disks.Select(disk => disk.Source.Path));
        var last = snapshots.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!)).ToList();
        Assert.InRange(last[0] - last[1], 0, 1);
        Assert.InRange(last.Min(), acknowledged, afterwards);
        Assert.True(afterwards > last.Max() + 5, "The guest did not write while the snapshot was taken.");
        Engine.Remove(Live.Domain, snapshots);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void Methods_are_mixed_in_one_set_of_one_moment()
    {
        using var method = CopyMethod.Register(TimeSpan.Zero);
        Engine.Take(Live.Domain, "before", disks: ["vdb"]);
        Engine.Remove(Live.Domain, Engine.List(Live.Domain));
        Engine.Settings.Set(Live.Domain, [DiskSelector.Parse("vdb")], DiskSnapshotMethod.Parse(CopyMethod.MethodName));
        Live.WaitForMoreRecords();

        var snapshots = Engine.Take(Live.Domain, "mixed", quiescing: Engine.Required);
        Engine.Settings.Reset(Live.Domain, []);

        Assert.Equal([QemuMethod.MethodName, CopyMethod.MethodName], snapshots.Select(snapshot => snapshot.Method));
        Assert.NotNull(snapshots[0].ModifiedDisk);
        Assert.Null(snapshots[1].ModifiedDisk);
        Assert.Empty(Live.Domain.FindDisk("vdb")!.BackingChain);
        var last = snapshots.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!)).ToList();
        Assert.InRange(last[0] - last[1], 0, 1);
        Engine.Remove(Live.Domain, snapshots);
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(nameof(RunStep.Prepared), RepairAction.Undone)]
    [InlineData(nameof(RunStep.Taken), RepairAction.Undone)]
    [InlineData(nameof(RunStep.Thawed), RepairAction.Undone)]
    [InlineData(nameof(RunStep.ShieldedTaken), RepairAction.Undone)]
    [InlineData(nameof(RunStep.Recorded), RepairAction.Cleared)]
    [InlineData(nameof(RunStep.MergeReady), RepairAction.Finished)]
    [InlineData(nameof(RunStep.Discarded), RepairAction.Finished)]
    public void Whoever_dies_behind_the_shield_is_repaired_and_no_record_is_lost(string step, RepairAction action)
    {
        using var method = CopyMethod.Register(Slow);
        CrashTestProcess.Die(Lab, Live.Name, new CrashTestRequest
        {
            Work = CrashTestWork.Snapshot,
            Step = Enum.Parse<RunStep>(step),
            CopySeconds = 2,
        });
        Guard.AssertThawed(Live);

        Assert.Equal(action, Repair(Live).Action);

        var recorded = action != RepairAction.Undone;
        Assert.Equal(recorded ? Live.Domain.Disks.Count : 0, Named(Live, "fault").Count);
        Assert.All(Live.Domain.Disks, disk => Assert.Empty(disk.BackingChain));
        Engine.Remove(Live.Domain, Engine.List(Live.Domain));
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void Without_a_freeze_and_without_a_shield_the_guest_stands_still_and_goes_on()
    {
        using var method = CopyMethod.Register(TimeSpan.Zero);
        Live.WaitForMoreRecords();
        var acknowledged = Live.LastAcknowledged();

        var snapshots = Engine.Take(Live.Domain, "still", quiescing: Engine.NoQuiesce, method: CopyMethod.MethodName, shield: ShieldUse.Never);

        Assert.All(snapshots, snapshot => Assert.Equal(Consistency.Paused, snapshot.Consistency));
        var last = snapshots.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!, crashed: true)).ToList();
        Assert.True(last.Min() >= acknowledged);
        Assert.InRange(last[0] - last[1], 0, 1);
        Engine.Remove(Live.Domain, snapshots);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_guest_that_somebody_else_has_paused_meanwhile_stays_paused()
    {
        using var method = CopyMethod.Register(TimeSpan.Zero);
        At(RunStep.Prepared, () => Lab.Virsh("suspend", Live.Name));
        try
        {
            var snapshots = Engine.Take(Live.Domain, "theirs", quiescing: Engine.NoQuiesce, method: CopyMethod.MethodName, shield: ShieldUse.Never);
            Assert.True(Live.Domain.IsPaused);
            Engine.Remove(Live.Domain, snapshots);
            Assert.True(Live.Domain.IsPaused);
        }
        finally
        {
            Lab.Virsh("resume", Live.Name);
        }

        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_slow_snapshot_that_fails_behind_the_shield_is_undone_and_the_guest_never_waited()
    {
        using var method = CopyMethod.Register(TimeSpan.FromSeconds(2));
        At(RunStep.Thawed, () => LabScript.RunProgram("mv", Live.Image("vdb"), Live.Image("vdb") + ".away"));
        try
        {
            Engine.Refused(() => Engine.Take(Live.Domain, "fails", quiescing: Engine.Required, method: CopyMethod.MethodName));
        }
        finally
        {
            LabScript.RunProgram("mv", Live.Image("vdb") + ".away", Live.Image("vdb"));
        }

        // The overlay could not be merged into an image that was not where it belongs.
        using (var plan = Engine.Current.PlanRepair(Live.Domain, null, new HeardReporter(), Token))
        {
            plan?.Run(Token);
        }

        Assert.Empty(Named(Live, "fails"));
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(nameof(RunStep.Frozen))]
    [InlineData(nameof(RunStep.Taken))]
    public void A_guest_that_stands_still_goes_on_when_we_die(string step)
    {
        using var method = CopyMethod.Register(TimeSpan.Zero);
        CrashTestProcess.Die(Lab, Live.Name, new CrashTestRequest
        {
            Work = CrashTestWork.Snapshot,
            Step = Enum.Parse<RunStep>(step),
            Quiescence = Quiescence.None,
            CopySeconds = 0,
        });

        Poll.Until(() => !Live.Domain.IsPaused, 5, "The guest is still paused.");
        Assert.Equal(RepairAction.Undone, Repair(Live).Action);
        AssertAllRecordsThere(Live);
    }
}
