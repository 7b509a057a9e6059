using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A process that snapshots inside the images of a shut-off domain, or removes such a snapshot, dies by SIGKILL.</summary>
public sealed class KilledInternalTests(LabFixture lab) : FaultTest(lab)
{
    private const string Method = "qemu-internal";
    private static readonly Hosts.LocalHost Host = new("test:///default");

    [Fact]
    public void Repair_clears_away_what_was_not_recorded()
    {
        var before = Contents(ShutOff, "");
        foreach (var step in new[] { RunStep.Journaled, RunStep.Prepared, RunStep.Frozen, RunStep.Taken, RunStep.Thawed, RunStep.Recorded })
        {
            VictimProcess.Die(Lab, ShutOff.Name, new VictimOrder { Work = VictimWork.Snapshot, Method = Method, Step = step });
            Assert.Equal((step, step == RunStep.Recorded ? RepairAction.Cleared : RepairAction.Undone), (step, Repair(ShutOff).Action));
            var snapshots = SnapshotList.Of(ShutOff.Domain);
            Assert.Equal((step, step == RunStep.Recorded ? 2 : 0), (step, snapshots.Count));
            Assert.All(snapshots, snapshot => Assert.Equal((Consistency.Offline, SnapshotState.Available), (snapshot.Consistency, snapshot.State)));
            Engine.Remove(ShutOff.Domain, snapshots);
            AssertClean(before);
        }
    }

    [Fact]
    public void A_removal_is_finished_wherever_it_was_killed()
    {
        var before = Contents(ShutOff, "");
        foreach (var step in new[] { RunStep.RemovalJournaled, RunStep.CatalogRewritten, RunStep.Discarded })
        {
            Engine.Take(ShutOff.Domain, "kept", method: Method);
            Engine.Take(ShutOff.Domain, "fault", method: Method);
            VictimProcess.Die(Lab, ShutOff.Name, new VictimOrder { Work = VictimWork.Removal, Step = step });
            Assert.Equal((step, RepairAction.Finished), (step, Repair(ShutOff).Action));
            var kept = SnapshotList.Of(ShutOff.Domain);
            Assert.All(kept, snapshot => Assert.Equal((step, "kept", SnapshotState.Available), (step, snapshot.Name, snapshot.State)));
            Assert.Equal(2, kept.Count);
            Engine.Remove(ShutOff.Domain, kept);
            AssertClean(before);
        }
    }

    [Fact]
    public void What_a_killed_run_has_left_waits_in_the_journal_until_the_domain_is_shut_off()
    {
        using var domain = new BareDomain(Lab, "killed-internal", isRunning: false);
        VictimProcess.Die(Lab, domain.Name, new VictimOrder { Work = VictimWork.Snapshot, Method = Method, Step = RunStep.Taken });
        Lab.Virsh("start", domain.Name);
        using (var plan = RepairPlan.Make(domain.Domain, new HeardReporter(), Token))
        {
            var result = plan!.Run(Token);
            Assert.Equal(RepairAction.Incomplete, result.Action);
        }

        Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.Take(domain.Domain)).ErrorId);
        Lab.Virsh("destroy", domain.Name);
        using (var plan = RepairPlan.Make(domain.Domain, new HeardReporter(), Token))
        {
            Assert.Equal(RepairAction.Undone, plan!.Run(Token).Action);
        }

        Engine.AssertNothingLeft(domain.Domain);
        Assert.Equal(0u, ImageChain.ReadHeader(Host, domain.Image())!.SnapshotCount);
    }

    [Fact]
    public void A_restore_is_undone_or_finished_wherever_it_was_killed()
    {
        using var domain = TwoDisks("restored-inside", out var older);
        var newer = Digests(domain);
        foreach (var (step, action) in new[]
        {
            (RunStep.RestoreJournaled, RepairAction.Undone),
            (RunStep.RestorePrepared, RepairAction.Undone),
            (RunStep.DiskSwitched, RepairAction.Undone),
            (RunStep.AllSwitched, RepairAction.Finished),
            (RunStep.CatalogRewritten, RepairAction.Finished),
            (RunStep.Discarded, RepairAction.Finished),
        })
        {
            VictimProcess.Die(Lab, domain.Name, new VictimOrder { Work = VictimWork.Restore, Name = "s1", Step = step });
            Assert.Equal((step, action), (step, Repair(domain).Action));
            Assert.Equal(action == RepairAction.Finished ? older : newer, Digests(domain));
            Assert.Null(RunJournal.Read(domain.Domain));

            // Only the snapshot itself is left in each image.
            Assert.All(domain.Domain.Disks, disk => Assert.Equal((step, 1u), (step, ImageChain.ReadHeader(Host, disk.Source.Path!)!.SnapshotCount)));
            Write(domain);
        }

        Engine.Remove(domain.Domain, SnapshotList.Of(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void What_is_written_after_a_restore_that_died_while_it_tidied_up_stays()
    {
        using var domain = TwoDisks("over-inside", out _);
        VictimProcess.Die(Lab, domain.Name, new VictimOrder { Work = VictimWork.Restore, Name = "s1", Step = RunStep.Discarded });
        Write(domain);
        var written = Digests(domain);
        Assert.Equal(RepairAction.Finished, Repair(domain).Action);
        Assert.Equal(written, Digests(domain));
        Engine.Remove(domain.Domain, SnapshotList.Of(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void What_a_guest_has_written_to_a_half_restored_domain_is_kept()
    {
        using var domain = TwoDisks("half-inside", out _);
        var newer = Digests(domain);
        VictimProcess.Die(Lab, domain.Name, new VictimOrder { Work = VictimWork.Restore, Name = "s1", Step = RunStep.DiskSwitched });
        var image = domain.Domain.Disks[0].Source.Path!;
        TimeSpent.Sleep(TimeSpan.FromSeconds(4));
        BareDomain.WriteOffline(image, 7);
        var written = Digests(domain)[0];

        var kept = Repair(domain);
        Assert.Equal(RepairAction.Incomplete, kept.Action);
        Assert.Equal(newer, Digests(domain));
        var name = System.Text.RegularExpressions.Regex.Match(Assert.Single(kept.Details), "virtsnapshot-written-[0-9a-f]{32}").Value;
        Assert.Equal(written, ImageDigest.Of(DiskSource.ForSnapshotInside(image, "qcow2", false, name)));

        LabScript.RunProgram("qemu-img", "snapshot", "-d", name, image);
        Assert.Equal(RepairAction.Undone, Repair(domain).Action);
        Assert.Equal(newer, Digests(domain));
        Engine.Remove(domain.Domain, SnapshotList.Of(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    /// <summary>Shut off, with a snapshot s1, and written to since.</summary>
    private BareDomain TwoDisks(string name, out List<string> older)
    {
        var domain = new BareDomain(Lab, name, [BareDomain.Qcow2(Lab, name, "vda"), BareDomain.Qcow2(Lab, name, "vdb")], isRunning: false);
        older = Digests(domain);
        Engine.Take(domain.Domain, "s1", method: Method);
        Write(domain);
        return domain;
    }

    private static void Write(BareDomain domain)
    {
        foreach (var disk in domain.Domain.Disks)
        {
            BareDomain.WriteOffline(disk.Source.Path!, 1);
        }
    }

    private static List<string> Digests(BareDomain domain) => [.. domain.Domain.Disks.Select(disk => ImageDigest.Of(disk.Source))];

    private void AssertClean(IReadOnlyList<string> before)
    {
        AssertAgreement(ShutOff);
        Assert.Equal(before, Contents(ShutOff, ""));
        Assert.All(ShutOff.Domain.Disks, disk => Assert.Equal(0u, ImageChain.ReadHeader(Host, disk.Source.Path!)!.SnapshotCount));
    }
}
