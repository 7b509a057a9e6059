using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Conformance;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>What the tests on the lab host share: domains on its storage, and the proof that nothing is left.</summary>
public abstract class HostStorageTest(LabHost host) : IDisposable
{
    /// <summary>An emulated host may be slow.</summary>
    private protected static readonly QuiesceOptions Freezing = new()
    {
        Quiescence = Quiescence.Required, FreezeTimeout = TimeSpan.FromMinutes(5), SwitchTime = TimeSpan.FromSeconds(30),
    };

    private readonly HostScope scope = new(host);

    protected LabHost Host => host;

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        scope.Dispose();
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            Mend();
            host.DropRecordingGuest();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>All storage that is ours, and where it is mounted.</summary>
    protected abstract IReadOnlyList<string> Ours();

    /// <summary>One test's failure is not to be everybody's.</summary>
    protected virtual void Mend()
    {
    }

    /// <summary>What is to be run on the host when the test has ended, the last first, whether it works or not.</summary>
    protected void Afterwards(params string[] command) => scope.Afterwards(command);

    /// <summary>A domain that is shut off, whose disks lie there, as <c>raw:/dev/vg/a</c>: vda, vdb …</summary>
    protected LabHostGuest Define(params string[] disks) => scope.Define(disks);

    private protected void AssertNothingLeft(VmDomain domain)
    {
        Assert.Empty(Engine.List(domain));
        Assert.Null(RunJournal.Read(domain));
        Assert.Empty(Ours());
    }

    private protected static SnapshotState StateOf(VmDomain domain) => Assert.Single(Engine.List(domain)).State;

    private protected static RepairResult? Repair(VmDomain domain)
    {
        using var plan = Engine.Current.PlanRepair(domain, null, new HeardReporter(), Token);
        return plan?.Run(Token);
    }

    private protected static CrashTestRequest Dying(CrashTestWork work, RunStep step) => new() { Work = work, Step = step, Quiescence = Quiescence.None };

    /// <summary>
    /// Lets processes that snapshot the domain's disks, or remove what they snapshotted, die where something of the method's own is half done. The steps
    /// that all methods have in common are killed on the local methods.
    /// </summary>
    private protected void AssertRepairedWhereverARunDies(LabHostGuest guest)
    {
        foreach (var step in new[] { RunStep.Prepared, RunStep.Taken, RunStep.Thawed })
        {
            CrashTestProcess.Die(host.Uri, guest.Name, Dying(CrashTestWork.Snapshot, step));
            Assert.Equal((step, RepairAction.Undone), (step, Repair(guest.Domain)!.Action));
            AssertNothingLeft(guest.Domain);
        }

        Engine.Take(guest.Domain, "fault");
        CrashTestProcess.Die(host.Uri, guest.Name, Dying(CrashTestWork.Removal, RunStep.CatalogRewritten));
        Assert.Equal(RepairAction.Finished, Repair(guest.Domain)!.Action);

        // Each method has its turn, and its journal.
        Engine.Remove(guest.Domain, Engine.List(guest.Domain));
        AssertNothingLeft(guest.Domain);
    }

    /// <summary>Proves that no other domain can claim the domain's one set, and then removes the set.</summary>
    private protected void AssertNobodyElseCanClaim(LabHostGuest original)
    {
        var before = Ours();
        ClonedDomain.AssertNobodyElseCanClaim(new HostDomain(host, original, destroy: ""));
        Assert.Equal(before, Ours());
        Engine.Remove(original.Domain, Engine.List(original.Domain));
        AssertNothingLeft(original.Domain);
    }
}
