using VirtSnapshot.Libvirt;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>The domain's memory is saved under a run, as libvirt-guests does when the host shuts down.</summary>
public sealed class SavedMemoryTests(LabFixture lab) : FaultTest(lab)
{
    private string MemoryFile => Path.Combine(Lab.Images, "faults-memory");

    [Fact]
    [Trait("Quick", "no")]
    public void The_guard_thaws_a_guest_that_was_saved_frozen_when_it_is_back()
    {
        using var crashTest = CrashTestProcess.Start(Lab, Live.Name,
            new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen, End = CrashTestEnd.Waits });
        crashTest.WaitForStep(RunStep.Frozen);
        Save(isManaged: true);
        crashTest.Kill();
        TimeSpent.Sleep(TimeSpan.FromSeconds(3));
        Assert.NotEmpty(Guard.ProcessesOf(Live));

        Restore(isManaged: true);
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        Assert.Equal(RepairAction.Undone, Repair(Live).Action);
        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Quick", "no")]
    public void The_guard_resumes_a_domain_that_was_saved_paused(bool isTransient)
    {
        using var domain = new BareDomain(Lab, "faults-paused", isTransient: isTransient);
        var request = new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen, End = CrashTestEnd.Waits, Quiescence = Quiescence.None,
            CopySeconds = 0 };
        using var crashTest = CrashTestProcess.Start(Lab, domain.Name, request);
        crashTest.WaitForStep(RunStep.Frozen);
        Assert.StartsWith("paused", Lab.Virsh("domstate", domain.Name), StringComparison.Ordinal);
        Lab.Virsh("save", domain.Name, MemoryFile);
        crashTest.Kill();
        TimeSpent.Sleep(TimeSpan.FromSeconds(2));

        Restore(isManaged: false);
        Poll.Until(() => Lab.Virsh("domstate", domain.Name).StartsWith("running", StringComparison.Ordinal), 10, "The domain is still paused.");
        Guard.AssertGone(Live);
    }

    [Fact]
    public void Without_the_guard_repair_tells_of_a_domain_that_stays_paused()
    {
        using var method = CopyMethod.Register(TimeSpan.Zero);
        using var domain = new BareDomain(Lab, "faults-unresumed");
        var request = new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen, End = CrashTestEnd.Waits, Quiescence = Quiescence.None,
            CopySeconds = 0 };
        using var crashTest = CrashTestProcess.Start(Lab, domain.Name, request);
        crashTest.WaitForStep(RunStep.Frozen);
        LabScript.RunProgram("kill", "-KILL", $"{Assert.Single(Guard.ProcessesOf(Live))}");
        crashTest.Kill();

        var heard = new HeardReporter();
        using (var plan = Engine.Current.PlanRepair(domain.Domain, null, heard, Token)!)
        {
            Assert.Equal(RepairAction.Undone, plan.Run(Token).Action);
        }

        Assert.Contains($"'virsh resume {domain.Name}'", Assert.Single(heard.Warnings), StringComparison.Ordinal);
        Assert.Equal(PauseReason.User, domain.Domain.PauseReason);
    }

    [Fact]
    public void Without_the_guard_repair_thaws_it()
    {
        using var crashTest = CrashTestProcess.Start(Lab, Live.Name,
            new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen, End = CrashTestEnd.Waits });
        crashTest.WaitForStep(RunStep.Frozen);
        var guard = Assert.Single(Guard.ProcessesOf(Live));
        Save(isManaged: false);
        LabScript.RunProgram("kill", "-KILL", $"{guard}");
        crashTest.Kill();
        AssertRefused();

        Restore(isManaged: false);
        Assert.Contains("frozen", Lab.Virsh("qemu-agent-command", Live.Name, """{"execute":"guest-fsfreeze-status"}"""), StringComparison.Ordinal);
        Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.Take(Live.Domain)).ErrorId);

        // A job that runs must not keep the guest frozen.
        using (BackupJob.Begin(Lab, Live.Name))
        {
            Assert.Equal("DomainJobRunning", Engine.Refused(() => Repair(Live)).ErrorId);
            Guard.AssertThawed(Live);
            Lab.Virsh("domfsfreeze", Live.Name);
        }

        var result = Repair(Live);
        Assert.Equal(RepairAction.Undone, result.Action);
        Assert.Contains(result.Details, detail => detail.Contains("thawed", StringComparison.Ordinal));
        Guard.AssertThawed(Live);
        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(nameof(RunStep.Frozen), RepairAction.Undone)]
    [InlineData(nameof(RunStep.Taken), RepairAction.Finished)]
    public void A_run_whose_domain_is_saved_touches_nothing_more_and_repair_ends_it_well(string step, RepairAction action)
    {
        At(Enum.Parse<RunStep>(step), () => Save(isManaged: true));
        var error = Engine.Refused(() => Engine.Take(Live.Domain, "fault", quiescing: new QuiesceOptions()));
        Assert.Equal("ManagedSave", error.ErrorId);
        Assert.Contains($"virsh start {Live.Name}", error.Message, StringComparison.Ordinal);
        AssertSavedAndRepaired(isManaged: true, action);
    }

    [Fact]
    public void Overlays_of_a_run_that_was_killed_stay_while_a_saved_memory_names_them()
    {
        using var crashTest = CrashTestProcess.Start(Lab, Live.Name,
            new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Taken, End = CrashTestEnd.Waits });
        crashTest.WaitForStep(RunStep.Taken);
        Save(isManaged: false);
        crashTest.Kill();
        AssertSavedAndRepaired(isManaged: false, RepairAction.Finished);
    }

    protected override void CleanUp()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed && !Live.Domain.IsActive)
        {
            LabScript.TryRunProgram("virsh", "-q", "-c", Lab.Uri, File.Exists(MemoryFile) ? "restore" : "start", File.Exists(MemoryFile)
                ? MemoryFile : Live.Name);
        }

        File.Delete(MemoryFile);
    }

    private void AssertSavedAndRepaired(bool isManaged, RepairAction action)
    {
        var files = Files(Live);
        Assert.NotNull(RunJournal.Read(Live.Domain));
        AssertRefused();
        Assert.Equal(files, Files(Live));

        Restore(isManaged);
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        Assert.Equal(action, Repair(Live).Action);
        AssertAgreement(Live, action == RepairAction.Finished ? ["fault"] : []);
        AssertAllRecordsThere(Live);
    }

    private void AssertRefused()
    {
        foreach (var attempt in new Action[] { () => Engine.Take(Live.Domain), () => Engine.TryRemove(Live.Domain, []), () => Repair(Live) })
        {
            Assert.Equal("ManagedSave", Engine.Refused(attempt).ErrorId);
        }
    }

    private void Save(bool isManaged)
    {
        string[] save = isManaged ? ["managedsave", Live.Name] : ["save", Live.Name, MemoryFile];
        Lab.Virsh(save);
    }

    private void Restore(bool isManaged)
    {
        string[] restore = isManaged ? ["start", Live.Name] : ["restore", MemoryFile];
        Lab.Virsh(restore);
    }
}
