using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>Two runs on one domain at once.</summary>
public sealed class TwoRunsTests(LabFixture lab) : FaultTest(lab)
{
    [Fact]
    public void While_one_process_works_on_a_domain_all_others_are_refused()
    {
        using var crashTest = CrashTestProcess.Start(
            Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Prepared, End = CrashTestEnd.Waits });
        crashTest.WaitForStep(RunStep.Prepared);
        var standing = Standing(Live);

        Assert.Equal("DomainLocked", Engine.Refused(() => Engine.Take(Live.Domain)).ErrorId);
        Assert.Equal("DomainLocked", Engine.Refused(() => Engine.TryRemove(Live.Domain, [])).ErrorId);
        Assert.Equal("DomainLocked", Engine.Refused(() => Engine.Current.PlanRepair(Live.Domain, null, new HeardReporter(), Token)).ErrorId);
        Assert.Equal(standing, Standing(Live));

        // Another domain is none of its business.
        Engine.Take(ShutOff.Domain, "free");
        Engine.Remove(ShutOff.Domain, Engine.List(ShutOff.Domain));

        crashTest.GoOn();
        Assert.Equal("Quiesced", crashTest.WaitForEnd());
        AssertAgreement(Live, "fault");
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void Of_several_processes_at_once_each_succeeds_or_is_refused_and_none_leaves_anything_mixed()
    {
        var names = Enumerable.Range(1, 4).Select(number => $"race{number}").ToList();
        var crashTests = names.Select(name => CrashTestProcess.Start(Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Name = name }))
            .ToList();
        var outcomes = crashTests.Select(crashTest => crashTest.WaitForEnd()).ToList();
        crashTests.ForEach(crashTest => crashTest.Dispose());

        var taken = names.Where((_, i) => outcomes[i] == "Quiesced").ToArray();
        Assert.NotEmpty(taken);
        Assert.All(outcomes, outcome => Assert.True(outcome == "Quiesced" || outcome.StartsWith("DomainLocked", StringComparison.Ordinal), outcome));
        AssertAgreement(Live, taken);
        AssertAllRecordsThere(Live);
    }
}
