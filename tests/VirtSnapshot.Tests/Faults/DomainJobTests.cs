using System.Diagnostics;
using VirtSnapshot.Domains;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Cmdlets;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A backup, a dump or a save holds the domain's job lock, for which libvirt lets every other call wait 30 seconds.</summary>
public sealed class DomainJobTests(LabFixture lab) : FaultTest(lab)
{
    private BackupJob? backup;

    [Fact]
    public void A_running_backup_is_named_at_once_and_the_guest_is_never_frozen()
    {
        var freezes = Guard.Freezes(Live).Count;
        var before = Standing(Live);
        backup = BackupJob.Begin(Lab, Live.Name);

        var waited = Stopwatch.StartNew();
        var error = Engine.Refused(() => Engine.Take(Live.Domain, disks: ["vdb"], quiescing: Engine.Required));

        Assert.InRange(waited.Elapsed.TotalSeconds, 0, 2);
        Assert.Equal((FailureKind.ResourceBusy, "DomainJobRunning"), (error.Kind, error.ErrorId));
        Assert.Contains("backup", error.Message, StringComparison.Ordinal);
        Assert.Contains($"virsh domjobabort {Live.Name}", error.Message, StringComparison.Ordinal);
        Assert.Equal(freezes, Guard.Freezes(Live).Count);
        Assert.Equal(before, Standing(Live));
        Guard.AssertGone(Live);
    }

    [Fact]
    public void Every_cmdlet_refuses_at_once_and_with_WhatIf()
    {
        using var domain = new BareDomain(Lab, "busy");
        Engine.Take(domain.Domain, "s1");
        using var engine = new PowerShellEngine();
        using (BackupJob.Begin(Lab, domain.Name))
        {
            var xml = domain.Domain.Xml;
            var waited = Stopwatch.StartNew();
            foreach (var command in new[]
            {
                "New-DiskSnapshot busy -Uri $args[0]",
                "New-DiskSnapshot busy -Uri $args[0] -WhatIf",
                "Get-DiskSnapshot busy -Uri $args[0] | Remove-DiskSnapshot -Confirm:$false",
                "Get-DiskSnapshot busy -Uri $args[0] | Remove-DiskSnapshot -WhatIf",
                "Set-DiskSnapshotMethod busy vda -Method qemu -Uri $args[0]",
                "Reset-DiskSnapshotMethod busy vda -Uri $args[0]",
            })
            {
                Assert.Equal(["DomainJobRunning"], engine.Run(command, Lab.Uri).ErrorIds);
            }

            Assert.InRange(waited.Elapsed.TotalSeconds, 0, 10);
            Assert.Equal(xml, domain.Domain.Xml);
        }

        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void Repair_refuses_at_once_and_is_possible_afterwards()
    {
        using var domain = new BareDomain(Lab, "busy-repair");
        CrashTestProcess.Die(Lab, domain.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Taken, Quiescence = Quiescence.None });
        using (BackupJob.Begin(Lab, domain.Name))
        {
            Assert.Equal("DomainJobRunning", Engine.Refused(() => Repair(domain)).ErrorId);
        }

        Assert.Equal(RepairAction.Finished, Repair(domain).Action);
    }

    [Fact]
    public void A_dump_is_named()
    {
        using var domain = new BareDomain(Lab, "dumped");
        var fifo = Path.Combine(Lab.Images, "dumped-fifo");
        LabScript.RunProgram("mkfifo", fifo);
        using var reader = new FileStream(fifo, FileMode.Open, FileAccess.ReadWrite);
        using var dump = Process.Start(new ProcessStartInfo("virsh",
            ["-q", "-c", Lab.Uri, "dump", "--live", domain.Name, fifo]) { RedirectStandardError = true })!;
        try
        {
            Poll.Until(() => Lab.Virsh("domjobinfo", domain.Name).Contains("Dump", StringComparison.Ordinal), 10, "The dump does not begin.");
            var error = Engine.Refused(() => Engine.Take(domain.Domain));
            Assert.Equal("DomainJobRunning", error.ErrorId);
            Assert.Contains("dump", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            // The dump fails when nobody can read what it writes.
            reader.Dispose();
            dump.WaitForExit();
        }
    }

    [Fact]
    public void A_question_that_libvirt_does_not_answer_is_given_up()
    {
        using var domain = new BareDomain(Lab, "hung");
        var qemu = LabScript.RunProgram("pgrep", "-f", $"qemu-system.*guest={domain.Name},.*{domain.Domain.Uuid:D}").Trim();
        LabScript.RunProgram("kill", "-STOP", qemu);
        using var waiting = Process.Start(new ProcessStartInfo("virsh",
            ["-q", "-c", Lab.Uri, "qemu-monitor-command", domain.Name, "--hmp", "info name"]) { RedirectStandardOutput = true })!;
        try
        {
            Thread.Sleep(300);
            var waited = Stopwatch.StartNew();
            Assert.Equal("DomainJobRunning", Engine.Refused(() => Engine.Take(domain.Domain)).ErrorId);
            Assert.InRange(waited.Elapsed.TotalSeconds, 0, 4);
        }
        finally
        {
            LabScript.RunProgram("kill", "-CONT", qemu);
            waiting.WaitForExit();
        }

        Engine.Remove(domain.Domain, Engine.Take(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_job_that_begins_before_the_freeze_does_not_hold_the_guest_frozen()
    {
        var freezes = Guard.Freezes(Live).Count;
        var before = Standing(Live);
        At(RunStep.Prepared, () => backup = BackupJob.Begin(Lab, Live.Name));

        var error = Engine.Refused(() => Engine.Take(Live.Domain, disks: ["vdb"], quiescing: Engine.Required));

        Assert.Equal("DomainJobRunning", error.ErrorId);
        Assert.Contains("The guest was frozen for 2.", error.Message, StringComparison.Ordinal);
        Assert.Contains("Everything was undone.", error.Message, StringComparison.Ordinal);
        Assert.InRange(Assert.Single(Guard.Freezes(Live).Skip(freezes))!.Value.TotalSeconds, 2, 4);
        Assert.Equal(before, Standing(Live));
        CleanUp();
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData(Quiescence.Required)]
    [InlineData(Quiescence.WherePossible)]
    public void A_switch_that_comes_after_the_thaw_is_not_called_quiesced(Quiescence quiescence)
    {
        var freezes = Guard.Freezes(Live).Count;
        At(RunStep.Prepared, () => (backup = BackupJob.Begin(Lab, Live.Name)).EndAfter(TimeSpan.FromSeconds(4)));

        if (quiescence == Quiescence.Required)
        {
            Assert.Equal("FreezeNotHeld", Engine.Refused(() => Engine.Take(Live.Domain, "fault", quiescing: Engine.Required)).ErrorId);
            AssertAgreement(Live);
        }
        else
        {
            var reporter = new HeardReporter();
            Assert.All(
                Engine.Take(Live.Domain, "fault", quiescing: new QuiesceOptions(), reporter: reporter),
                snapshot => Assert.Equal(Consistency.CrashConsistent, snapshot.Consistency));
            Assert.Contains("thawed before the snapshot was taken", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
            AssertAgreement(Live, "fault");
        }

        Assert.InRange(Assert.Single(Guard.Freezes(Live).Skip(freezes))!.Value.TotalSeconds, 2, 4);
        AssertAllRecordsThere(Live);
    }

    [Theory]
    [InlineData("vda", true)]
    [InlineData("vdb", false)]
    public async Task A_paused_guest_goes_on_before_a_late_switch(string copied, bool isSwitchLast)
    {
        using var method = CopyMethod.Register(TimeSpan.Zero);
        using var domain = new BareDomain(Lab, "busy-paused", [BareDomain.Qcow2(Lab, "busy-paused", "vda"), BareDomain.Qcow2(Lab, "busy-paused", "vdb")]);
        var paused = new Stopwatch();
        Task? seen = null;
        Engine.Settings.Set(domain.Domain, [DiskSelector.Parse(copied)], DiskSnapshotMethod.Parse(CopyMethod.MethodName));
        Engine.Observer = step =>
        {
            if (step == RunStep.Prepared)
            {
                backup = BackupJob.Begin(Lab, domain.Name);
                backup.EndAfter(TimeSpan.FromSeconds(5));
            }
            else if (step == RunStep.Frozen)
            {
                paused.Start();
                seen = Task.Run(() =>
                {
                    Poll.Until(() => Lab.Virsh("domstate", domain.Name).StartsWith("running", StringComparison.Ordinal), 10, "The guest does not go on.");
                    paused.Stop();
                });
            }
        };

        var reporter = new HeardReporter();
        void Take() => Engine.Take(domain.Domain, "late", shield: ShieldUse.Never, reporter: reporter);
        if (isSwitchLast)
        {
            Take();
            Assert.All(Engine.List(domain.Domain), snapshot => Assert.Equal(Consistency.CrashConsistent, snapshot.Consistency));
            Assert.Contains(reporter.Warnings, warning => warning.Contains("was resumed before the snapshot was taken", StringComparison.Ordinal));
            Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        }
        else
        {
            Assert.Equal("DomainJobRunning", Engine.Refused(Take).ErrorId);
        }

        await seen!;
        Assert.InRange(paused.Elapsed.TotalSeconds, 2, 4);
        Engine.AssertNothingLeft(domain.Domain);
    }

    protected override void CleanUp()
    {
        backup?.Dispose();
        backup = null;
    }
}
