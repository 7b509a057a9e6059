using VirtSnapshot.Domains;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A process that takes a snapshot dies by SIGKILL.</summary>
public sealed class KilledSnapshotTests(LabFixture lab) : FaultTest(lab)
{
    [Fact]
    public void A_running_guest_is_thawed_within_5_seconds_and_repair_loses_nothing()
    {
        foreach (var (step, action, isFrozen) in new[]
        {
            (RunStep.Journaled, RepairAction.Undone, false),
            (RunStep.Prepared, RepairAction.Undone, false),
            (RunStep.Frozen, RepairAction.Undone, true),
            (RunStep.Taken, RepairAction.Finished, true),
            (RunStep.Thawed, RepairAction.Finished, true),
            (RunStep.Recorded, RepairAction.Cleared, true),
        })
        {
            var freezes = Guard.Freezes(Live).Count;

            CrashTestProcess.Die(Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = step });

            Guard.AssertThawed(Live);
            Guard.AssertGone(Live);
            var since = Guard.Freezes(Live).Skip(freezes).ToList();
            Assert.Equal((step, isFrozen ? 1 : 0), (step, since.Count));
            Assert.All(since, freeze => Assert.True(freeze < TimeSpan.FromSeconds(5), $"{step}: the guest was frozen for {freeze}."));

            AssertRepaired(Live, action, action == RepairAction.Cleared ? Consistency.Quiesced : Consistency.CrashConsistent);
            Engine.Remove(Live.Domain, Engine.List(Live.Domain));
        }

        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    [InlineData(20)]
    [InlineData(50)]
    public void Overlays_that_were_only_half_made_are_cleared_away(int delay)
    {
        CrashTestProcess.Die(Lab, ShutOff.Name, new CrashTestRequest
        {
            Work = CrashTestWork.Snapshot,
            Step = RunStep.Journaled,
            End = CrashTestEnd.KilledLater,
            DelayMilliseconds = delay,
        });

        // qemu-img lives on for a moment; while it does, repairing rightly leaves its file alone.
        Poll.Until(() => !Files(ShutOff).Split('\n').Any(HasUser), 10, "qemu-img does not end.");
        if (RunJournal.Read(ShutOff.Domain) is not null)
        {
            Assert.NotEqual(RepairAction.Incomplete, Repair(ShutOff).Action);
        }

        Engine.Remove(ShutOff.Domain, Engine.List(ShutOff.Domain));
        AssertAgreement(ShutOff);
    }

    [Fact]
    public void Overlays_that_were_written_halfway_are_cleared_away()
    {
        CrashTestProcess.Die(Lab, ShutOff.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Journaled });
        var records = RunJournal.Read(ShutOff.Domain)!.Entries.Select(entry => entry.Record).ToList();

        // First there is an empty file, then its head.
        const int head = 4096;
        File.WriteAllText(OverlayData.PathOf(records[0]), "");
        var whole = Qcow2Image.Empty(64 << 20, records[1].Source.Path, "qcow2",
            new OverlayMark(records[1].Set!, records[1].Target, OverlayData.PathOf(records[1]), DateTimeOffset.UtcNow));
        File.WriteAllBytes(OverlayData.PathOf(records[1]), whole[..head]);

        Assert.Equal(RepairAction.Undone, Repair(ShutOff).Action);
        AssertAgreement(ShutOff);
    }

    [Fact]
    public void A_run_that_dies_while_it_undoes_its_set_never_leaves_a_half_merged_base_as_a_snapshot()
    {
        foreach (var step in new[] { RunStep.RemovalJournaled, RunStep.MergeReady, RunStep.CatalogRewritten })
        {
            CrashTestProcess.Die(Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, IsThawedByOthers = true, Step = step });

            Assert.Empty(Engine.List(Live.Domain));
            Assert.Equal((step, RepairAction.Finished), (step, Repair(Live).Action));
            AssertAgreement(Live);
        }

        AssertAllRecordsThere(Live);
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_repair_that_is_killed_itself_is_repaired()
    {
        foreach (var step in new[] { RunStep.Recorded, RunStep.Discarded })
        {
            CrashTestProcess.Die(Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Taken });
            CrashTestProcess.Die(Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Repair, Step = step });

            Assert.Equal((step, RepairAction.Cleared), (step, Repair(Live).Action));
            AssertAgreement(Live, "fault");
            Engine.Remove(Live.Domain, Engine.List(Live.Domain));
        }

        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_damaged_record_does_not_keep_the_guest_frozen()
    {
        using (var crashTest = CrashTestProcess.Start(
            Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen, End = CrashTestEnd.Waits }))
        {
            crashTest.WaitForStep(RunStep.Frozen);
            LabScript.RunProgram("kill", "-KILL", $"{Assert.Single(Guard.ProcessesOf(Live))}");
            crashTest.Kill();
        }

        var uri = MetadataUri.Set(Guid.NewGuid());
        Lab.Virsh("metadata", Live.Name, uri, "--key", "damaged", "--set", "<set name='lost'/>", "--live", "--config");
        Assert.Contains("frozen", Lab.Virsh("qemu-agent-command", Live.Name, """{"execute":"guest-fsfreeze-status"}"""), StringComparison.Ordinal);

        Assert.Equal("CatalogDamaged", Engine.Refused(() => Repair(Live)).ErrorId);
        Guard.AssertThawed(Live);
        Assert.Equal("CatalogDamaged", Engine.Refused(() => Repair(Live)).ErrorId);

        Lab.Virsh("metadata", Live.Name, uri, "--remove", "--live", "--config");
        Assert.Equal(RepairAction.Undone, Repair(Live).Action);
        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void Until_it_is_repaired_nobody_takes_another_snapshot()
    {
        CrashTestProcess.Die(Lab, ShutOff.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Prepared });

        Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.Take(ShutOff.Domain)).ErrorId);

        Repair(ShutOff);
        AssertAgreement(ShutOff);
    }

    private static void AssertRepaired(TestGuest guest, RepairAction action, Consistency consistency)
    {
        Assert.Equal(action, Repair(guest).Action);
        AssertAgreement(guest, action == RepairAction.Undone ? [] : ["fault"]);
        Assert.All(Engine.List(guest.Domain), snapshot => Assert.Equal(consistency, snapshot.Consistency));
    }

    private static bool HasUser(string file) => new Hosts.LocalHost("test:///default").ReadOpenFiles().FindUsers(file).Count > 0;
}
