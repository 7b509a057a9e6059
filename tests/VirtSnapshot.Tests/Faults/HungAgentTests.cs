using System.Diagnostics;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>An agent that does not answer: in time for us, or ever.</summary>
[Trait("Debian13", "yes")]
public sealed class HungAgentTests(LabFixture lab) : FaultTest(lab)
{
    [Fact]
    public void An_agent_that_hangs_before_the_run_is_an_error_or_a_warning()
    {
        var before = Standing(Live);
        var hung = HungAgent.For(Live, 12);

        var waited = Stopwatch.StartNew();
        Assert.Equal("GuestAgentUnavailable", Engine.Refused(() => Engine.Take(Live.Domain, quiescing: Engine.Required)).ErrorId);
        Assert.InRange(waited.Elapsed.TotalSeconds, 0, 7);
        Assert.Equal(before, Standing(Live));

        var reporter = new HeardReporter();
        var snapshots = Engine.Take(Live.Domain, "fault", quiescing: Freezing(Quiescence.WherePossible, 2), reporter: reporter);
        Assert.All(snapshots, snapshot => Assert.Equal(Consistency.CrashConsistent, snapshot.Consistency));
        Assert.Contains("crash-consistent", Assert.Single(reporter.Warnings), StringComparison.Ordinal);

        hung.WaitUntilItGoesOn();
        Guard.AssertThawed(Live);
        AssertAgreement(Live, "fault");
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(Quiescence.Required)]
    [InlineData(Quiescence.WherePossible)]
    public void A_freeze_that_lands_after_it_was_given_up_is_thawed_by_the_guard(Quiescence quiescence)
    {
        var freezes = Guard.Freezes(Live).Count;
        HungAgent? hung = null;
        At(RunStep.Prepared, () => hung = HungAgent.For(Live, 8));
        var options = Freezing(quiescence, 2);

        if (quiescence == Quiescence.Required)
        {
            Assert.Equal("FreezeTimedOut", Engine.Refused(() => Engine.Take(Live.Domain, "fault", quiescing: options)).ErrorId);
            AssertAgreement(Live);
        }
        else
        {
            Assert.All(Engine.Take(Live.Domain, "fault", quiescing: options), snapshot => Assert.Equal(Consistency.CrashConsistent, snapshot.Consistency));
            AssertAgreement(Live, "fault");
        }

        Assert.Single(Guard.ProcessesOf(Live));
        hung!.WaitUntilItGoesOn();
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        Assert.True(Assert.Single(Guard.Freezes(Live).Skip(freezes)) < TimeSpan.FromSeconds(5));
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_run_that_is_stopped_while_the_freeze_hangs_ends_at_once_and_the_guard_thaws()
    {
        var freezes = Guard.Freezes(Live).Count;
        HungAgent? hung = null;
        using var stop = new CancellationTokenSource();
        var sinceHung = new Stopwatch();
        At(RunStep.Prepared, () =>
        {
            hung = HungAgent.For(Live, 8);
            sinceHung.Start();
            stop.CancelAfter(1000);
        });

        using (var plan = Engine.Current.PlanSnapshot(
            new SnapshotRequest(Live.Domain, quiescing: Engine.Required), new HeardReporter(), Token))
        {
            Assert.Throws<OperationCanceledException>(() => plan.Run(stop.Token));
        }

        Assert.InRange(sinceHung.Elapsed.TotalSeconds, 1, 5);
        AssertAgreement(Live);
        hung!.WaitUntilItGoesOn();
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        Assert.True(Assert.Single(Guard.Freezes(Live).Skip(freezes)) < TimeSpan.FromSeconds(5));
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_thaw_that_is_not_answered_is_carried_on_by_the_guard()
    {
        HungAgent? hung = null;
        Engine.Observer = step =>
        {
            if (step == RunStep.Prepared)
            {
                hung = HungAgent.OnceFrozen(Live, 8);
            }
            else if (step == RunStep.Frozen)
            {
                // The window is held open for it.
                hung!.WaitUntilStopped();
            }
        };

        var error = Engine.Refused(() => Engine.Take(Live.Domain, "fault", quiescing: Freezing(Quiescence.Required, 3)));
        Assert.Equal("FreezeNotHeld", error.ErrorId);
        AssertAgreement(Live);
        Guard.AssertThawed(Live, 14);
        Guard.AssertGone(Live);
        AssertAllRecordsThere(Live);
    }
}
