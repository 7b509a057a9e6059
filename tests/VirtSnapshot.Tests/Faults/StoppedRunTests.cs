using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A run is stopped by its caller: Ctrl+C.</summary>
public sealed class StoppedRunTests(LabFixture lab) : FaultTest(lab)
{
    [Theory]
    [InlineData(nameof(RunStep.Journaled))]
    [InlineData(nameof(RunStep.Prepared))]
    public void Before_the_act_it_is_undone(string step)
    {
        var standing = Standing(Live);
        using var stop = new CancellationTokenSource();
        At(Enum.Parse<RunStep>(step), stop.Cancel);
        using (var plan = Engine.Current.PlanSnapshot(new SnapshotRequest(Live.Domain, quiescing: Engine.Required), new HeardReporter(), Token))
        {
            Assert.Throws<OperationCanceledException>(() => plan.Run(stop.Token));
        }

        Assert.Equal(standing, Standing(Live));
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        AssertAgreement(Live);
    }

    [Theory]
    [InlineData(nameof(RunStep.Frozen))]
    [InlineData(nameof(RunStep.Taken))]
    public void From_the_act_on_the_set_is_finished(string step)
    {
        using var stop = new CancellationTokenSource();
        At(Enum.Parse<RunStep>(step), stop.Cancel);
        using (var plan = Engine.Current.PlanSnapshot(
            new SnapshotRequest(Live.Domain, name: SnapshotName.Parse("fault"), quiescing: Engine.Required), new HeardReporter(), Token))
        {
            Assert.All(plan.Run(stop.Token), snapshot => Assert.Equal(Consistency.Quiesced, snapshot.Consistency));
        }

        Guard.AssertThawed(Live);
        AssertAgreement(Live, "fault");
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData("s2")]
    [InlineData("s3")]
    public void A_merge_that_is_stopped_leaves_a_domain_that_works_and_can_be_gone_on_with(string name)
    {
        TakeThree(Live);
        var others = Contents(Live, exceptName: name);
        using var stop = new CancellationTokenSource();
        At(RunStep.MergeStarted, stop.Cancel);

        var results = Engine.TryRemove(Live.Domain, Named(Live, name), new RemovalOptions { Bandwidth = 1 << 10 }, cancellation: stop.Token);
        Assert.All(results, result => Assert.Equal("RemovalStopped", result.Error?.ErrorId));
        Assert.All(Named(Live, name), snapshot => Assert.Equal(SnapshotState.Removing, snapshot.State));
        Live.WaitForMoreRecords(1);

        Engine.Remove(Live.Domain, Named(Live, name));
        Assert.Equal(others, Contents(Live, exceptName: name));
        AssertAllRecordsThere(Live);
    }
}
