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

    /// <summary>While it is frozen: at the other steps the guest has no part in it, and the conformance suite kills there with the domain shut off.</summary>
    [Fact]
    [Trait("Quick", "no")]
    public void A_running_guest_is_thawed_and_repair_clears_everything_away()
    {
        guest = Lab.ThrowawayIn(folder, "killed-volumes", "--format", "raw");
        foreach (var method in new[] { "btrfs", "reflink" })
        {
            foreach (var step in new[] { RunStep.Frozen, RunStep.Taken })
            {
                CrashTestProcess.Die(Lab, guest.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Method = method, Step = step });
                Guard.AssertThawed(guest);
                Guard.AssertGone(guest);
                Assert.Equal((step, RepairAction.Undone), (step, Repair(guest).Action));
                AssertClean();
            }
        }

        guest.WaitForMoreRecords();
        var proof = Engine.Take(guest.Domain, "proof", quiescing: Engine.Required, method: "reflink");
        var last = proof.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!, "raw")).ToList();
        Assert.InRange(last[0] - last[1], 0, 1);
        Engine.Remove(guest.Domain, proof);
        AssertClean();
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_repair_that_is_killed_itself_is_repaired()
    {
        guest = Lab.ThrowawayIn(folder, "killed-volumes", "--format", "raw", "--define-only");
        CrashTestProcess.Die(Lab, guest.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Method = "btrfs", Step = RunStep.Taken });
        CrashTestProcess.Die(Lab, guest.Name, new CrashTestRequest { Work = CrashTestWork.Repair, Step = RunStep.Discarded });
        Assert.Equal(RepairAction.Undone, Repair(guest).Action);
        AssertClean();
    }

    protected override void CleanUp()
    {
        guest?.Dispose();
        mount.Dispose();
    }

    private void AssertClean()
    {
        Assert.Empty(Engine.List(guest!.Domain));
        Assert.Null(RunJournal.Read(guest.Domain));
        AssertNothingToRepair(guest);
        Assert.DoesNotContain(
            Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories),
            entry => entry.Contains(".virtsnapshot", StringComparison.Ordinal));
        Assert.Single(LabScript.RunProgram("btrfs", "subvolume", "list", mount.Folder).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
