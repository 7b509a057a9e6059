using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>A merge slow enough to be stopped in its middle.</summary>
public class StoppedRemovalTests(LabFixture lab)
{
    private const string Data = "48M";

    [Fact]
    public void Stopped_in_the_middle_the_domain_goes_on_and_removing_again_finishes()
    {
        using var domain = Domain();
        var (snapshot, content) = TakeAndWrite(domain);
        using var stop = new CancellationTokenSource();
        var reporter = new HeardReporter { OnProgress = step => StopAt(step, stop) };
        var error = Assert.Single(Engine.TryRemove(domain.Domain, [snapshot], new RemovalOptions { Bandwidth = 8 << 20 }, reporter, stop.Token)).Error!;
        Assert.Equal((FailureKind.OperationStopped, "RemovalStopped"), (error.Kind, error.ErrorId));
        Assert.Contains(reporter.Steps, step => step is { Target: "vda", Done: > 0 } && step.Done < step.Total && step.Total >= 48 << 20);

        AssertHalfMerged(domain, snapshot, content);
        Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.Take(domain.Domain)).ErrorId);
        Finish(domain, snapshot, content);
    }

    [Fact]
    public void Out_of_time_it_is_the_same()
    {
        using var domain = Domain();
        var (snapshot, content) = TakeAndWrite(domain);
        var error = Assert.Single(Engine.TryRemove(
            domain.Domain, [snapshot], new RemovalOptions { Bandwidth = 4 << 20, Timeout = TimeSpan.FromSeconds(1) },
                cancellation: TestContext.Current.CancellationToken)).Error!;
        Assert.Equal((FailureKind.OperationTimeout, "RemovalTimedOut"), (error.Kind, error.ErrorId));
        Assert.Contains("1 s", error.Message, StringComparison.Ordinal);
        AssertHalfMerged(domain, snapshot, content);
        Finish(domain, snapshot, content);
    }

    [Fact]
    public void Offline_it_is_the_same()
    {
        using var domain = Domain(isRunning: false);
        var (snapshot, content) = TakeAndWrite(domain);
        var error = Assert.Single(Engine.TryRemove(
            domain.Domain, [snapshot], new RemovalOptions { Bandwidth = 4 << 20, Timeout = TimeSpan.FromSeconds(1) },
                cancellation: TestContext.Current.CancellationToken)).Error!;
        Assert.Equal("RemovalTimedOut", error.ErrorId);
        AssertHalfMerged(domain, snapshot, content);
        Finish(domain, snapshot, content);
    }

    private BareDomain Domain(bool isRunning = true) => new(lab, "slow", [BareDomain.Qcow2(lab, "slow", "vda", "64M")], isRunning: isRunning);

    private static (DiskSnapshot Snapshot, string Content) TakeAndWrite(BareDomain domain)
    {
        var snapshot = Assert.Single(Engine.Take(domain.Domain));
        if (domain.Domain.IsActive)
        {
            domain.Write(9, "0", Data);
        }
        else
        {
            BareDomain.WriteOffline(snapshot.ModifiedDisk!.Source.Path!, 9, "0", Data);
        }

        return (snapshot, ImageDigest.Of(snapshot.ModifiedDisk!.Source));
    }

    private static void StopAt(RemovalProgress step, CancellationTokenSource stop)
    {
        if (step.Done > 0)
        {
            stop.Cancel();
        }
    }

    private static void AssertHalfMerged(BareDomain domain, DiskSnapshot snapshot, string content)
    {
        Assert.Equal(snapshot.ModifiedDisk!.Source.Path, domain.Domain.FindDisk("vda")!.Source.Path);
        Assert.False(domain.Domain.FindDisk("vda")!.HasMirror);
        Assert.Equal(content, ImageDigest.Of(domain.Domain.FindDisk("vda")!.Source));
        Assert.Equal(SnapshotState.Removing, Assert.Single(Engine.List(domain.Domain)).State);
    }

    private static void Finish(BareDomain domain, DiskSnapshot snapshot, string content)
    {
        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
        Assert.Equal(domain.Image(), domain.Domain.FindDisk("vda")!.Source.Path);
        Assert.Equal(content, ImageDigest.Of(domain.Image(), "qcow2"));
    }
}
