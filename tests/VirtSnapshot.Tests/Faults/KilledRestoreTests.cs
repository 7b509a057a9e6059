using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A process that restores the middle one of three sets dies by SIGKILL.</summary>
public sealed class KilledRestoreTests(LabFixture lab) : FaultTest(lab)
{
    [Fact]
    [Trait("Quick", "no")]
    public void A_repair_that_is_killed_itself_is_repaired()
    {
        foreach (var step in new[] { RunStep.AllSwitched, RunStep.CatalogRewritten, RunStep.Discarded })
        {
            TakeThree(ShutOff);
            var older = Digests("s1");
            var restored = Digests("s2");
            Kill(nameof(RunStep.AllSwitched), 1);

            CrashTestProcess.Die(Lab, ShutOff.Name, new CrashTestRequest { Work = CrashTestWork.Repair, Step = step });
            Assert.Equal((step, RepairAction.Finished), (step, Repair(ShutOff).Action));

            AssertRestored(older, restored);
            Engine.Remove(ShutOff.Domain, Engine.List(ShutOff.Domain));
        }
    }

    [Fact]
    public void Meanwhile_nothing_else_begins()
    {
        TakeThree(ShutOff);
        Kill(nameof(RunStep.RestorePrepared), 1);

        Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.Restore(ShutOff.Domain, "s2")).ErrorId);
        Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.Take(ShutOff.Domain, "s4")).ErrorId);
        Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.TryRemove(ShutOff.Domain, Named(ShutOff, "s3"))).ErrorId);
        Assert.All(Named(ShutOff, "s3"), snapshot => Assert.Equal(SnapshotState.Removing, snapshot.State));
        Assert.Equal(RepairAction.Undone, Repair(ShutOff).Action);
        RestoreAndRemoveAll();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_domain_that_was_started_half_restored_goes_back_and_what_it_wrote_is_kept(bool writes)
    {
        using var domain = new BareDomain(Lab, "half", [BareDomain.Qcow2(Lab, "half", "vda"), BareDomain.Qcow2(Lab, "half", "vdb")], isRunning: false);
        Engine.Take(domain.Domain, "s1");
        BareDomain.WriteOffline(domain.Domain.FindDisk("vda")!.Source.Path!, 1);
        BareDomain.WriteOffline(domain.Domain.FindDisk("vdb")!.Source.Path!, 1);
        var before = domain.Domain.Disks.Select(disk => ImageDigest.Of(disk.Source)).ToList();
        var sources = domain.Domain.Disks.Select(disk => disk.Source.Path).ToList();
        CrashTestProcess.Die(Lab, domain.Name, new CrashTestRequest { Work = CrashTestWork.Restore, Name = "s1", Step = RunStep.DiskSwitched });
        Lab.Virsh("start", domain.Name);
        if (writes)
        {
            domain.Write(5);
        }

        var overlay = domain.Domain.FindDisk("vda")!.Source.Path!;
        Assert.NotEqual(sources[0], overlay);
        Assert.Equal(RepairAction.Incomplete, Repair(domain).Action);
        Lab.Virsh("destroy", domain.Name);
        if (writes)
        {
            var kept = Repair(domain);
            Assert.Equal(RepairAction.Incomplete, kept.Action);
            Assert.Contains(overlay, Assert.Single(kept.Details), StringComparison.Ordinal);
            Assert.True(File.Exists(overlay));
            File.Delete(overlay);
        }

        Assert.Equal(RepairAction.Undone, Repair(domain).Action);
        Assert.Equal(sources, domain.Domain.Disks.Select(disk => disk.Source.Path));
        Assert.Equal(before, domain.Domain.Disks.Select(disk => ImageDigest.Of(disk.Source)));
        Assert.Null(RunJournal.Read(domain.Domain));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
    }

    [Theory]
    [InlineData(RunStep.RestorePrepared)]
    [InlineData(RunStep.DiskSwitched)]
    public void A_domain_that_is_started_in_the_middle_is_not_restored(object step)
    {
        using var domain = new BareDomain(Lab, "half", [BareDomain.Qcow2(Lab, "half", "vda"), BareDomain.Qcow2(Lab, "half", "vdb")], isRunning: false);
        Engine.Take(domain.Domain, "s1");
        BareDomain.WriteOffline(domain.Domain.FindDisk("vda")!.Source.Path!, 1);
        BareDomain.WriteOffline(domain.Domain.FindDisk("vdb")!.Source.Path!, 1);
        var before = domain.Domain.Disks.Select(disk => ImageDigest.Of(disk.Source)).ToList();
        At((RunStep)step, () => Lab.Virsh("start", domain.Name));

        Assert.Equal("DomainStarted", Engine.Refused(() => Engine.Restore(domain.Domain, "s1")).ErrorId);

        Lab.Virsh("destroy", domain.Name);
        if ((RunStep)step == RunStep.DiskSwitched)
        {
            Assert.Equal(RepairAction.Undone, Repair(domain).Action);
        }

        Assert.Null(RunJournal.Read(domain.Domain));
        Assert.Equal(before, domain.Domain.Disks.Select(disk => ImageDigest.Of(disk.Source)));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
    }

    [Fact]
    public void A_daemon_that_dies_in_the_middle_is_waited_for_and_all_is_undone()
    {
        TakeThree(ShutOff);
        var before = Contents(ShutOff, exceptName: "");
        At(RunStep.DiskSwitched, () => Lab.RestartDaemon(kill: true));

        Engine.Refused(() => Engine.Restore(ShutOff.Domain, "s2"));

        AssertAgreement(ShutOff, "s1", "s2", "s3");
        Assert.Equal(before, Contents(ShutOff, exceptName: ""));
        RestoreAndRemoveAll();
    }

    private void Kill(string step, int occurrence) => CrashTestProcess.Die(Lab, ShutOff.Name, new CrashTestRequest
    {
        Work = CrashTestWork.Restore,
        Name = "s2",
        Step = Enum.Parse<RunStep>(step),
        Occurrence = occurrence,
    });

    private List<string> Digests(string name) =>
        [.. Named(ShutOff, name).OrderBy(snapshot => snapshot.Disk, StringComparer.Ordinal).Select(snapshot => ImageDigest.Of(snapshot.BackupSource))];

    private void AssertRestored(List<string> older, List<string> restored)
    {
        AssertAgreement(ShutOff, "s1", "s2");
        Assert.Equal(older, Digests("s1"));
        Assert.Equal(restored, Digests("s2"));
        Assert.Equal(restored, ShutOff.Domain.Disks.Select(disk => ImageDigest.Of(disk.Source)));
    }

    /// <summary>Whatever was before: the engine can go on. Leaves the domain without snapshots.</summary>
    private void RestoreAndRemoveAll()
    {
        var oldest = Digests("s1");
        Engine.Restore(ShutOff.Domain, "s1");
        Assert.Equal(oldest, ShutOff.Domain.Disks.Select(disk => ImageDigest.Of(disk.Source)));
        Engine.Remove(ShutOff.Domain, Engine.List(ShutOff.Domain));
        AssertAgreement(ShutOff);
    }
}
