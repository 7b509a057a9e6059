using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Storage;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A process that snapshots what lies under the images, or removes such a snapshot, dies by SIGKILL.</summary>
public sealed class KilledVolumeTests : FaultTest
{
    private readonly LoopFileSystem mount;
    private readonly string folder;
    private TestGuest? guest;

    public KilledVolumeTests(LabFixture lab)
        : base(lab)
    {
        // btrfs can do both: snapshot subvolumes, and clone files.
        mount = new LoopFileSystem(lab.Images, "killed-volumes", ["mkfs.btrfs", "-q"], "1G");
        folder = Path.Combine(mount.Folder, "vms");
        LabScript.RunProgram("btrfs", "subvolume", "create", folder);
    }

    [Theory]
    [InlineData("btrfs")]
    [InlineData("reflink")]
    public void A_running_guest_is_thawed_and_repair_clears_everything_away(string method)
    {
        guest = Lab.ThrowawayIn(folder, "killed-volumes", "--format", "raw");
        foreach (var (step, action) in Steps(RunStep.Journaled, RunStep.Prepared, RunStep.Frozen, RunStep.Taken, RunStep.Thawed, RunStep.Recorded))
        {
            VictimProcess.Die(Lab, guest.Name, new VictimOrder { Work = VictimWork.Snapshot, Method = method, Step = step });
            Guard.AssertThawed(guest);
            Guard.AssertGone(guest);
            AssertRepaired(step, action, Consistency.Quiesced);
        }

        guest.WaitForMoreRecords();
        var proof = Engine.Take(guest.Domain, "proof", quiescing: Engine.Required, method: method);
        var last = proof.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!, "raw")).ToList();
        Assert.InRange(last[0] - last[1], 0, 1);
        Engine.Remove(guest.Domain, proof);
        AssertClean();
    }

    [Theory]
    [InlineData("btrfs")]
    [InlineData("reflink")]
    public void A_shut_off_domain_s_snapshot_is_cleared_away(string method)
    {
        guest = Lab.ThrowawayIn(folder, "killed-volumes", "--format", "raw", "--define-only");
        foreach (var (step, action) in Steps(RunStep.Journaled, RunStep.Prepared, RunStep.Frozen, RunStep.Taken, RunStep.Thawed, RunStep.Recorded))
        {
            VictimProcess.Die(Lab, guest.Name, new VictimOrder { Work = VictimWork.Snapshot, Method = method, Step = step });
            AssertRepaired(step, action, Consistency.Offline);
        }
    }

    [Theory]
    [InlineData("btrfs")]
    [InlineData("reflink")]
    public void A_removal_is_finished_wherever_it_was_killed(string method)
    {
        guest = Lab.ThrowawayIn(folder, "killed-volumes", "--format", "raw", "--define-only");
        foreach (var step in new[] { RunStep.RemovalJournaled, RunStep.CatalogRewritten, RunStep.Discarded })
        {
            Engine.Take(guest.Domain, "kept", method: method);
            Engine.Take(guest.Domain, "fault", method: method);
            VictimProcess.Die(Lab, guest.Name, new VictimOrder { Work = VictimWork.Removal, Step = step });
            Assert.Equal((step, RepairAction.Finished), (step, Repair(guest).Action));

            var kept = SnapshotList.Of(guest.Domain);
            Assert.All(kept, snapshot => Assert.Equal((step, "kept", SnapshotState.Available), (step, snapshot.Name, snapshot.State)));
            Assert.Equal(2, kept.Count);
            Engine.Remove(guest.Domain, kept);
            AssertClean();
        }
    }

    [Fact]
    public void A_repair_that_is_killed_itself_is_repaired()
    {
        guest = Lab.ThrowawayIn(folder, "killed-volumes", "--format", "raw", "--define-only");
        VictimProcess.Die(Lab, guest.Name, new VictimOrder { Work = VictimWork.Snapshot, Method = "btrfs", Step = RunStep.Taken });
        VictimProcess.Die(Lab, guest.Name, new VictimOrder { Work = VictimWork.Repair, Step = RunStep.Discarded });
        Assert.Equal(RepairAction.Undone, Repair(guest).Action);
        AssertClean();
    }

    [Fact]
    public void What_a_killed_run_has_left_stays_in_the_journal_while_its_file_system_is_not_mounted()
    {
        guest = Lab.ThrowawayIn(folder, "killed-volumes", "--format", "raw", "--define-only");
        VictimProcess.Die(Lab, guest.Name, new VictimOrder { Work = VictimWork.Snapshot, Method = "btrfs", Step = RunStep.Taken });
        LabScript.RunProgram("umount", mount.Folder);
        using (var plan = RepairPlan.Make(guest.Domain, new HeardReporter(), Token))
        {
            Assert.Equal(RepairAction.Incomplete, plan!.Run(Token).Action);
        }

        LabScript.RunProgram("mount", mount.Device, mount.Folder);
        Assert.Equal(RepairAction.Undone, Repair(guest).Action);
        AssertClean();
    }

    protected override void CleanUp()
    {
        guest?.Dispose();
        mount.Dispose();
    }

    private static IEnumerable<(RunStep Step, RepairAction Action)> Steps(params RunStep[] steps) =>
        steps.Select(step => (step, step == RunStep.Recorded ? RepairAction.Cleared : RepairAction.Undone));

    private void AssertRepaired(RunStep step, RepairAction action, Consistency consistency)
    {
        Assert.Equal((step, action), (step, Repair(guest!).Action));
        var snapshots = SnapshotList.Of(guest!.Domain);
        Assert.Equal((step, action == RepairAction.Cleared ? 2 : 0), (step, snapshots.Count));
        Assert.All(snapshots, snapshot => Assert.Equal((consistency, SnapshotState.Available), (snapshot.Consistency, snapshot.State)));
        Engine.Remove(guest.Domain, snapshots);
        AssertClean();
    }

    private void AssertClean()
    {
        Assert.Empty(SnapshotList.Of(guest!.Domain));
        Assert.Null(RunJournal.Read(guest.Domain));
        AssertNothingToRepair(guest);
        Assert.DoesNotContain(
            Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories),
            entry => entry.Contains(".virtsnapshot", StringComparison.Ordinal));
        Assert.Single(LabScript.RunProgram("btrfs", "subvolume", "list", mount.Folder).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
