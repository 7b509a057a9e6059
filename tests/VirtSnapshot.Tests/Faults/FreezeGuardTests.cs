using System.Net.Sockets;
using VirtSnapshot.Native;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>The guard outside the process: no guest stays frozen, whatever happens to the run in its window.</summary>
public sealed class FreezeGuardTests(LabFixture lab) : FaultTest(lab)
{
    /// <summary>What methods, pipes and libraries may throw, and no caller expects.</summary>
    private static IReadOnlyList<Exception> Foreign =>
    [
        new IOException("foreign"),
        new ObjectDisposedException("foreign"),
        new AggregateException(new InvalidOperationException("foreign")),
        new SocketException((int)SocketError.ConnectionReset),
        new OperationCanceledException("foreign"),
        new LibvirtException(LibvirtErrorCode.InternalError, "foreign"),
    ];

    [Fact]
    public void It_goes_away_after_a_normal_run_and_gives_the_agent_its_time_back()
    {
        Engine.Take(Live.Domain, quiescing: Freezing(Quiescence.Required, 2));
        Guard.AssertGone(Live);

        // With the run's 2 s still in force, this answer would not be waited for.
        var hung = HungAgent.For(Live, 4);
        Assert.NotEmpty(Lab.Virsh("domtime", Live.Name));
        hung.WaitUntilItGoesOn();

        Engine.Remove(Live.Domain, Engine.List(Live.Domain));
        AssertAgreement(Live);
    }

    [Fact]
    public void It_gives_the_agent_its_time_back_when_the_run_dies_before_the_freeze()
    {
        CrashTestProcess.Die(Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Journaled, FreezeSeconds = 2 });
        Guard.AssertGone(Live);

        var hung = HungAgent.For(Live, 4);
        Assert.NotEmpty(Lab.Virsh("domtime", Live.Name));
        hung.WaitUntilItGoesOn();

        Repair(Live);
        AssertAgreement(Live);
    }

    [Fact]
    public void One_that_was_made_ahead_thaws_as_well_when_the_run_is_killed()
    {
        var freezes = Guard.Freezes(Live).Count;
        CrashTestProcess.Die(Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen, IsWarm = true });
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        Assert.Equal(freezes + 2, Guard.Freezes(Live).Count);
        Assert.Equal(RepairAction.Undone, Repair(Live).Action);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void One_that_was_made_ahead_and_has_died_is_replaced()
    {
        Engine.KeepsSpareGuards = true;
        Engine.Take(Live.Domain, "first", quiescing: Engine.Required);
        LabScript.RunProgram("kill", "-KILL", $"{Guard.WaitForSpare(Live)}");
        Engine.KeepsSpareGuards = false;

        Assert.All(Engine.Take(Live.Domain, "second", quiescing: Engine.Required), snapshot => Assert.Equal(Consistency.Quiesced, snapshot.Consistency));
        Guard.AssertGone(Live);
        Engine.Remove(Live.Domain, Engine.List(Live.Domain));
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void It_outlives_the_signals_that_end_a_session_and_thaws_when_the_run_is_killed()
    {
        var freezes = Guard.Freezes(Live).Count;
        using var crashTest = CrashTestProcess.Start(
            Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen, End = CrashTestEnd.Waits });
        crashTest.WaitForStep(RunStep.Frozen);
        var guard = Assert.Single(Guard.ProcessesOf(Live));
        foreach (var signal in new[] { "INT", "HUP", "TERM" })
        {
            LabScript.RunProgram("kill", $"-{signal}", $"{guard}");
        }

        var before = Live.LastAcknowledged();
        TimeSpent.Sleep(TimeSpan.FromSeconds(0.5));
        Assert.InRange(Live.LastAcknowledged(), before, before + 1);
        Assert.Equal(guard, Assert.Single(Guard.ProcessesOf(Live)));

        crashTest.Kill();
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        Assert.NotNull(Assert.Single(Guard.Freezes(Live).Skip(freezes)));
        Assert.Equal(RepairAction.Undone, Repair(Live).Action);
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(Quiescence.Required, "FreezeNotHeld")]
    [InlineData(Quiescence.WherePossible, "CrashConsistent")]
    public void It_thaws_at_the_deadline_while_the_run_is_stuck_and_the_run_tells_the_truth(Quiescence quiescence, string outcome)
    {
        var freezes = Guard.Freezes(Live).Count;
        using var crashTest = CrashTestProcess.Start(Lab, Live.Name, new CrashTestRequest
        {
            Work = CrashTestWork.Snapshot,
            Step = RunStep.Frozen,
            End = CrashTestEnd.Stopped,
            Quiescence = quiescence,
            FreezeSeconds = 3,
        });
        crashTest.WaitForStep(RunStep.Frozen);
        Guard.AssertThawed(Live, 8);
        Guard.AssertGone(Live);
        Assert.InRange(Assert.Single(Guard.Freezes(Live).Skip(freezes))!.Value.TotalSeconds, 2.5, 6);

        crashTest.Signal("CONT");
        Assert.StartsWith(outcome, crashTest.WaitForEnd(), StringComparison.Ordinal);
        AssertAgreement(Live, quiescence == Quiescence.Required ? [] : ["fault"]);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void It_thaws_as_soon_as_a_libvirtd_that_died_in_the_window_is_back()
    {
        var freezes = Guard.Freezes(Live).Count;
        var outage = new DaemonOutage(Lab, seconds: 3);
        At(RunStep.Frozen, outage.Begin);

        var error = Engine.Refused(() => Engine.Take(Live.Domain, "fault", quiescing: Engine.Required));
        outage.WaitUntilOver();

        Guard.AssertThawed(Live, Math.Max(0.5, 5 - outage.SinceBack.TotalSeconds));
        Assert.InRange(Assert.Single(Guard.Freezes(Live).Skip(freezes))!.Value.TotalSeconds, 3, 9);
        Assert.Equal("LibvirtUnreachable", error.ErrorId);
        Guard.AssertGone(Live);
        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void It_lives_on_until_libvirtd_is_back_when_the_run_is_killed_too()
    {
        using var crashTest = CrashTestProcess.Start(
            Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen, End = CrashTestEnd.Waits });
        crashTest.WaitForStep(RunStep.Frozen);
        Lab.KillDaemon();
        crashTest.Kill();
        TimeSpent.Sleep(TimeSpan.FromSeconds(2));
        Lab.RestartDaemon();

        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        Assert.Equal(RepairAction.Undone, Repair(Live).Action);
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(nameof(RunStep.Frozen))]
    [InlineData(nameof(RunStep.Taken))]
    public void Whatever_is_thrown_in_the_window_has_a_documented_error_and_is_undone(string step)
    {
        var freezes = Guard.Freezes(Live).Count;
        var before = Standing(Live);
        foreach (var foreign in Foreign)
        {
            AssertForeign(foreign, step, () => Engine.Take(Live.Domain, "fault", quiescing: Engine.Required));
            Guard.AssertGone(Live);
        }

        Assert.Equal(before, Standing(Live));
        var windows = Guard.Freezes(Live).Skip(freezes).ToList();
        Assert.Equal(Foreign.Count, windows.Count);
        Assert.All(windows, window => Assert.True(window < TimeSpan.FromSeconds(5)));
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(nameof(RunStep.Frozen))]
    [InlineData(nameof(RunStep.Taken))]
    public void Whatever_is_thrown_while_the_guest_is_paused_has_a_documented_error_too(string step)
    {
        using var method = CopyMethod.Register(TimeSpan.Zero);
        using var domain = new BareDomain(Lab, "faults-foreign");
        foreach (var foreign in Foreign)
        {
            AssertForeign(foreign, step, () => Engine.Take(domain.Domain, method: CopyMethod.MethodName));
            Assert.Null(domain.Domain.PauseReason);
        }

        Engine.AssertNothingLeft(domain.Domain);
    }

    private static void AssertForeign(Exception foreign, string step, Action take)
    {
        At(Enum.Parse<RunStep>(step), () => throw foreign);
        var error = Engine.Refused(take);
        Assert.Equal((FailureKind.InvalidResult, foreign is LibvirtException ? "LibvirtFailed" : "SnapshotFailed"), (error.Kind, error.ErrorId));
        Assert.EndsWith("Everything was undone.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_thaw_by_somebody_else_in_the_window_is_noticed()
    {
        At(RunStep.Taken, () => Lab.Virsh("domfsthaw", Live.Name));
        Assert.Equal("FreezeNotHeld", Engine.Refused(() => Engine.Take(Live.Domain, quiescing: Engine.Required)).ErrorId);
        AssertAgreement(Live);

        At(RunStep.Taken, () => Lab.Virsh("domfsthaw", Live.Name));
        var reporter = new HeardReporter();
        var snapshots = Engine.Take(Live.Domain, "fault", quiescing: new QuiesceOptions(), reporter: reporter);
        Assert.All(snapshots, snapshot => Assert.Equal(Consistency.CrashConsistent, snapshot.Consistency));
        Assert.Single(reporter.Warnings);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_guest_that_somebody_else_holds_frozen_is_left_as_it_is()
    {
        Lab.Virsh("domfsfreeze", Live.Name);
        try
        {
            Assert.Equal("GuestAlreadyFrozen", Engine.Refused(() => Engine.Take(Live.Domain, quiescing: new QuiesceOptions())).ErrorId);
            Guard.AssertGone(Live);
            Assert.Contains("frozen", Lab.Virsh("qemu-agent-command", Live.Name, """{"execute":"guest-fsfreeze-status"}"""), StringComparison.Ordinal);
        }
        finally
        {
            Lab.Virsh("domfsthaw", Live.Name);
        }

        AssertAgreement(Live);
    }

    [Fact]
    public void A_guest_that_somebody_else_freezes_just_before_us_is_left_as_it_is()
    {
        At(RunStep.Prepared, () => Lab.Virsh("domfsfreeze", Live.Name));
        try
        {
            Assert.Equal("GuestAlreadyFrozen", Engine.Refused(() => Engine.Take(Live.Domain, quiescing: new QuiesceOptions())).ErrorId);
            Guard.AssertGone(Live);
            Assert.Contains("frozen", Lab.Virsh("qemu-agent-command", Live.Name, """{"execute":"guest-fsfreeze-status"}"""), StringComparison.Ordinal);
        }
        finally
        {
            Lab.Virsh("domfsthaw", Live.Name);
        }

        AssertAgreement(Live);
    }
}
