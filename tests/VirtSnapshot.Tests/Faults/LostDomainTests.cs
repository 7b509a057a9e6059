using System.Diagnostics;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>The domain goes away under a run.</summary>
public sealed class LostDomainTests(LabFixture lab) : FaultTest(lab)
{
    /// <summary>A guest that dies or is reset, and that the next test starts or waits for.</summary>
    private TestGuest Doomed
    {
        get
        {
            var guest = Lab.Guest("faults-doomed");
            if (!guest.Domain.IsActive)
            {
                Lab.Virsh("start", guest.Name);
            }

            Poll.Until(
                () => guest.TryAsk("""{"execute":"guest-ping"}""", timeoutSeconds: 1) is not null,
                60,
                "The guest does not come up.");
            return guest;
        }
    }

    [Theory]
    [InlineData(nameof(RunStep.Frozen), Quiescence.Required)]
    [InlineData(nameof(RunStep.Taken), Quiescence.Required)]
    [InlineData(nameof(RunStep.Taken), Quiescence.WherePossible)]
    public void In_the_window_the_run_tells_the_truth_and_the_guard_ends(string step, Quiescence quiescence)
    {
        var guest = Doomed;
        guest.WaitForMoreRecords();
        var acknowledged = guest.LastAcknowledged();
        At(Enum.Parse<RunStep>(step), () => KillQemu(guest));

        if (quiescence == Quiescence.Required)
        {
            Assert.Equal("FreezeNotHeld", Engine.Refused(() => Engine.Take(guest.Domain, "fault", quiescing: Freezing(quiescence, 10))).ErrorId);
        }
        else
        {
            var snapshots = Engine.Take(guest.Domain, "fault", quiescing: Freezing(quiescence, 10));
            Assert.All(snapshots, snapshot => Assert.Equal(Consistency.CrashConsistent, snapshot.Consistency));
        }

        Guard.AssertGone(guest);
        AssertAgreement(guest, quiescence == Quiescence.Required ? [] : ["fault"]);
        Assert.All(guest.Domain.Disks, disk => Assert.True(TestGuest.ReadRecords(disk.Source.Path!, crashed: true) >= acknowledged));
        Engine.Remove(guest.Domain, Engine.List(guest.Domain));
        AssertAgreement(guest);
        Assert.All(guest.Domain.Disks, disk => Assert.True(TestGuest.ReadRecords(disk.Source.Path!, crashed: true) >= acknowledged));
    }

    [Theory]
    [InlineData(Quiescence.Required)]
    [InlineData(Quiescence.WherePossible)]
    public void A_reset_in_the_window_is_reported_at_once_and_the_guard_ends(Quiescence quiescence)
    {
        var guest = Doomed;
        var sinceReset = new Stopwatch();
        At(RunStep.Taken, () => Reset(guest, sinceReset));
        var reporter = new HeardReporter();
        string told;
        if (quiescence == Quiescence.Required)
        {
            var error = Engine.Refused(() => Engine.Take(guest.Domain, "fault", quiescing: Freezing(quiescence, 30)));
            Assert.Equal("FreezeNotHeld", error.ErrorId);
            Assert.EndsWith("Everything was undone.", error.Message, StringComparison.Ordinal);
            told = error.Message;
        }
        else
        {
            var snapshots = Engine.Take(guest.Domain, "fault", quiescing: Freezing(quiescence, 30), reporter: reporter);
            Assert.All(snapshots, snapshot => Assert.Equal(Consistency.CrashConsistent, snapshot.Consistency));
            told = Assert.Single(reporter.Warnings);
        }

        AssertReset(guest, sinceReset, told);
        AssertAgreement(guest, quiescence == Quiescence.Required ? [] : ["fault"]);
        Engine.Remove(guest.Domain, Engine.List(guest.Domain));
        AssertAgreement(guest);
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_freeze_that_hangs_ends_with_a_reset()
    {
        var guest = Doomed;
        var sinceReset = new Stopwatch();
        At(RunStep.Prepared, () =>
        {
            _ = HungAgent.For(guest, 60);
            _ = Task.Run(() =>
            {
                TimeSpent.Sleep(TimeSpan.FromSeconds(2));
                Reset(guest, sinceReset);
            });
        });

        var error = Engine.Refused(() => Engine.Take(guest.Domain, "fault", quiescing: Freezing(Quiescence.Required, 30)));

        Assert.InRange(sinceReset.Elapsed.TotalSeconds, 0, 4);
        Assert.Equal("FreezeTimedOut", error.ErrorId);
        Assert.Contains("The guest was reset during the call.", error.Message, StringComparison.Ordinal);
        AssertAgreement(guest);
        Guard.AssertGone(guest, 60);
    }

    [Fact]
    public void A_thaw_that_hangs_ends_with_a_reset_also_where_the_act_has_failed()
    {
        var guest = Doomed;
        var sinceReset = new Stopwatch();
        HungAgent? hung = null;
        Task? reset = null;
        Engine.Observer = step =>
        {
            if (step == RunStep.Prepared)
            {
                hung = HungAgent.OnceFrozen(guest, 60);
            }
            else if (step == RunStep.Frozen)
            {
                Engine.Observer = null;
                hung!.WaitUntilStopped();
                reset = Task.Run(() =>
                {
                    TimeSpent.Sleep(TimeSpan.FromSeconds(1));
                    Reset(guest, sinceReset);
                });
                throw new IOException("The storage is gone.");
            }
        };

        var error = Engine.Refused(() => Engine.Take(guest.Domain, "fault", quiescing: Freezing(Quiescence.Required, 30)));

        Assert.Equal((FailureKind.InvalidResult, "SnapshotFailed"), (error.Kind, error.ErrorId));
        Assert.Contains("The storage is gone. The guest was frozen for ", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("Everything was undone.", error.Message, StringComparison.Ordinal);
        AssertReset(guest, sinceReset, error.Message);
        AssertAgreement(guest);
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_run_that_is_killed_together_with_the_guest_is_repaired()
    {
        var guest = Doomed;
        guest.WaitForMoreRecords();
        var acknowledged = guest.LastAcknowledged();
        using var crashTest = CrashTestProcess.Start(
            Lab, guest.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Taken, End = CrashTestEnd.Waits });
        crashTest.WaitForStep(RunStep.Taken);
        Lab.Virsh("destroy", guest.Name);
        crashTest.Kill();

        Guard.AssertGone(guest);
        Assert.Equal(RepairAction.Finished, Repair(guest).Action);
        AssertAgreement(guest, "fault");
        Engine.Remove(guest.Domain, Engine.List(guest.Domain));
        AssertAgreement(guest);
        Assert.All(guest.Domain.Disks, disk => Assert.True(TestGuest.ReadRecords(disk.Source.Path!, crashed: true) >= acknowledged));
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_set_that_was_being_undone_keeps_its_overlay_when_the_disk_was_moved_back_by_hand()
    {
        var guest = Doomed;
        CrashTestProcess.Die(Lab, guest.Name, new CrashTestRequest
        {
            Work = CrashTestWork.Snapshot,
            IsThawedByOthers = true,
            Step = RunStep.RemovalJournaled,
        });
        guest.WaitForMoreRecords();
        var acknowledged = guest.LastAcknowledged();
        Lab.Virsh("destroy", guest.Name);
        var switched = guest.Domain.Disks;
        var bases = switched.Select(disk => RunJournal.Read(guest.Domain)!.Entries.Single(entry => entry.Record.Target == disk.Target).Record.Source.Path!)
            .ToList();
        var moves = switched.Zip(bases, (disk, source) => (Overlay: disk.Source.Path!, Base: source)).ToList();

        // It never was in the catalog: that it is not there proves nothing.
        moves.ForEach(move => MoveDisk(guest, move.Overlay, move.Base));
        try
        {
            Assert.Equal(RepairAction.Incomplete, Repair(guest).Action);
            Assert.All(moves, move => Assert.True(File.Exists(move.Overlay)));
        }
        finally
        {
            moves.ForEach(move => MoveDisk(guest, move.Base, move.Overlay));
        }

        Assert.Equal(RepairAction.Finished, Repair(guest).Action);
        AssertAgreement(guest);
        Assert.All(guest.Domain.Disks, disk => Assert.True(TestGuest.ReadRecords(disk.Source.Path!, crashed: true) >= acknowledged));
    }

    [Theory]
    [InlineData(nameof(RunStep.RemovalJournaled))]
    [InlineData(nameof(RunStep.MergeStarted))]
    [InlineData(nameof(RunStep.MergeReady))]
    [Trait("Quick", "no")]
    public void In_a_merge_repair_finishes_it_on_the_shut_off_domain(string step)
    {
        var guest = Doomed;
        TakeThree(guest);
        var acknowledged = guest.LastAcknowledged();
        var others = Engine.List(guest.Domain).Where(snapshot => snapshot.Name != "s3").Select(snapshot => ImageDigest.Of(snapshot.BackupSource)).ToList();
        At(Enum.Parse<RunStep>(step), () => Lab.Virsh("destroy", guest.Name));

        var results = Engine.TryRemove(guest.Domain, Named(guest, "s3"), cancellation: Token);
        Assert.All(results, result => Assert.NotNull(result.Error));
        if (RunJournal.Read(guest.Domain) is not null)
        {
            Assert.Equal(RepairAction.Finished, Repair(guest).Action);
        }
        else
        {
            Engine.Remove(guest.Domain, Named(guest, "s3"));
        }

        AssertAgreement(guest, "s1", "s2");
        Assert.Equal(others, Engine.List(guest.Domain).Select(snapshot => ImageDigest.Of(snapshot.BackupSource)));
        Engine.Remove(guest.Domain, Engine.List(guest.Domain));
        AssertAgreement(guest);
        Assert.All(guest.Domain.Disks, disk => Assert.True(TestGuest.ReadRecords(disk.Source.Path!, crashed: true) >= acknowledged));
    }

    private void Reset(TestGuest guest, Stopwatch since)
    {
        since.Start();
        Lab.Virsh("reset", guest.Name);
    }

    private static void AssertReset(TestGuest guest, Stopwatch since, string told)
    {
        Assert.InRange(since.Elapsed.TotalSeconds, 0, 4);
        Assert.Contains("reset", told, StringComparison.Ordinal);
        Assert.Contains("is no longer frozen", told, StringComparison.Ordinal);
        Assert.DoesNotContain("guard", told, StringComparison.Ordinal);
        Guard.AssertGone(guest);
    }

    private void KillQemu(TestGuest guest)
    {
        LabScript.RunProgram("pkill", "-KILL", "-f", $"qemu-system.*guest={guest.Name},.*{guest.Domain.Uuid:D}");
        Poll.Until(() => Lab.Virsh("domstate", guest.Name).Contains("shut off", StringComparison.Ordinal), 20, "libvirt does not notice that QEMU is gone.");
    }

    /// <summary>A running definition is a copy of the stored one, journal and all: what is written afterwards has to reach both.</summary>
    [Theory]
    [InlineData(nameof(RunStep.Prepared))]
    [InlineData(nameof(RunStep.Taken))]
    public void A_domain_that_is_started_in_the_middle_has_its_snapshot_and_no_journal_in_both_definitions(string step)
    {
        using var method = CopyMethod.Register(TimeSpan.Zero);
        using var domain = new BareDomain(Lab, "state-started", isRunning: false);
        At(Enum.Parse<RunStep>(step), () => Lab.Virsh("start", domain.Name));

        Engine.Take(domain.Domain, "s1", method: CopyMethod.MethodName);

        Assert.True(domain.Domain.IsActive);
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        Assert.Null(RunJournal.Read(domain.Domain));
        Assert.Null(Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), Token));
        Lab.Virsh("destroy", domain.Name);
        Assert.Null(RunJournal.Read(domain.Domain));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }
}
