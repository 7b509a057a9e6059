using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>libvirtd goes away under us, and comes back.</summary>
[Trait("Debian13", "yes")]
public sealed class DaemonTests(LabFixture lab) : FaultTest(lab)
{
    [Fact]
    public void Between_two_calls_nobody_notices()
    {
        var snapshots = Engine.Take(Live.Domain, "fault");
        Lab.RestartDaemon();
        Assert.Equal("fault", Assert.Single(Engine.List(Live.Domain).Select(snapshot => snapshot.Name).Distinct()));
        Lab.RestartDaemon(kill: true);
        Engine.Remove(Live.Domain, snapshots);
        AssertAgreement(Live);
    }

    [Theory]
    [InlineData(nameof(RunStep.Journaled))]
    [InlineData(nameof(RunStep.Prepared))]
    public void Before_the_freeze_it_is_one_clear_error_and_all_is_undone(string step)
    {
        var freezes = Guard.Freezes(Live).Count;
        var outage = new DaemonOutage(Lab, seconds: 2);
        At(Enum.Parse<RunStep>(step), outage.Begin);
        var error = Engine.Refused(() => Engine.Take(Live.Domain, "fault", quiescing: Engine.Required));
        outage.WaitUntilOver();

        Assert.True(error.ErrorId is "LibvirtUnreachable" or "FreezeGuardUnavailable", $"{error.ErrorId}: {error.Message}");
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        Assert.Equal(freezes, Guard.Freezes(Live).Count);
        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(nameof(RunStep.Taken))]
    [InlineData(nameof(RunStep.Thawed))]
    public void After_the_act_the_set_is_either_recorded_or_undone(string step)
    {
        var outage = new DaemonOutage(Lab, seconds: 2);
        At(Enum.Parse<RunStep>(step), outage.Begin);
        var error = Engine.Refused(() => Engine.Take(Live.Domain, "fault", quiescing: Engine.Required));
        outage.WaitUntilOver();

        Assert.NotEmpty(error.Message);
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(nameof(RunStep.RemovalJournaled), false)]
    [InlineData(nameof(RunStep.MergeStarted), false)]
    [InlineData(nameof(RunStep.MergeStarted), true)]
    [InlineData(nameof(RunStep.MergeReady), true)]
    [InlineData(nameof(RunStep.CatalogRewritten), true)]
    [Trait("Quick", "no")]
    public void During_a_merge_it_ends_well_or_repair_finishes_it(string step, bool isKilled)
    {
        TakeThree(Live);
        var others = Contents(Live, exceptName: "s3");
        At(Enum.Parse<RunStep>(step), () => Lab.RestartDaemon(isKilled));
        try
        {
            Engine.TryRemove(Live.Domain, Named(Live, "s3"), cancellation: Token);
        }
        catch (VirtSnapshotException e)
        {
            Assert.Equal("LibvirtUnreachable", e.ErrorId);
        }

        if (RunJournal.Read(Live.Domain) is not null)
        {
            Assert.Equal(RepairAction.Finished, Repair(Live).Action);
        }

        AssertAgreement(Live, [.. Engine.List(Live.Domain).Select(snapshot => snapshot.Name).Distinct()]);
        Assert.Equal(others, Contents(Live, exceptName: "s3"));
        AssertAllRecordsThere(Live);
    }
}
