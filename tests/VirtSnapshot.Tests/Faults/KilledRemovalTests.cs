using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A process that removes a snapshot, one of three, dies by SIGKILL.</summary>
public sealed class KilledRemovalTests(LabFixture lab) : FaultTest(lab)
{
    [Fact]
    [Trait("Quick", "no")]
    public void Repair_finishes_it_under_a_running_guest()
    {
        RunStep[] newest = [RunStep.RemovalJournaled, RunStep.MergeStarted, RunStep.MergeReady, RunStep.Pivoted, RunStep.CatalogRewritten, RunStep.Discarded];
        RunStep[] middle = [RunStep.RemovalJournaled, RunStep.MergeStarted, RunStep.CatalogRewritten, RunStep.Discarded];
        AssertRemoved(newest.Select(step => (2, step)).Concat(middle.Select(step => (1, step))), (_, _) =>
        {
            Live.WaitForMoreRecords(1);
            Assert.Equal(RepairAction.Finished, Repair(Live).Action);
        });
    }

    [Fact]
    [Trait("Quick", "no")]
    public void Removing_it_again_finishes_it_as_well() => AssertRemoved(
        new[] { RunStep.RemovalJournaled, RunStep.MergeReady, RunStep.CatalogRewritten, RunStep.Discarded }.Select(step => (2, step)),
        (removed, _) => Engine.Remove(Live.Domain, removed));

    [Fact]
    public void Removing_all_takes_up_the_one_that_had_begun_first()
    {
        TakeThree(Live);

        // The job on the middle layer goes on in QEMU: it must not be taken for the oldest one's.
        Kill(Live, "s2", nameof(RunStep.MergeStarted), bandwidth: 64 << 10);
        Engine.Remove(Live.Domain, Engine.List(Live.Domain));

        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_repair_that_is_killed_itself_is_repaired() => AssertRemoved(
        Enumerable.Repeat((2, RunStep.RemovalJournaled), 4),
        (_, round) =>
        {
            RunStep[] steps = [RunStep.MergeStarted, RunStep.Pivoted, RunStep.CatalogRewritten, RunStep.Discarded];
            CrashTestProcess.Die(Lab, Live.Name, new CrashTestRequest { Work = CrashTestWork.Repair, Step = steps[round] });
            Live.WaitForMoreRecords(1);
            Assert.Equal((steps[round], RepairAction.Finished), (steps[round], Repair(Live).Action));
        });

    [Fact]
    public void A_disk_that_cannot_be_finished_yet_is_not_forgotten_when_another_can()
    {
        TakeThree(Live);
        Kill(Live, "s3", nameof(RunStep.MergeReady));
        var source = Named(Live, "s3").Single(snapshot => snapshot.Disk == "vda").BackupSource.Path!;

        using (File.Open(source, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            var result = Repair(Live);
            Assert.Equal(RepairAction.Incomplete, result.Action);
            Assert.Contains(result.Details, detail => detail.Contains(source, StringComparison.Ordinal));
            Assert.Equal(SnapshotState.Removing, Assert.Single(Named(Live, "s3")).State);
        }

        Assert.Equal(RepairAction.Finished, Repair(Live).Action);
        AssertAgreement(Live, "s1", "s2");
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_job_that_somebody_else_has_started_meanwhile_is_left_alone()
    {
        Engine.Take(Live.Domain, "s3");
        Kill(Live, "s3", nameof(RunStep.RemovalJournaled));
        var copy = Path.Combine(Lab.Images, "copy-of-faults.qcow2");
        Lab.Virsh("blockcopy", Live.Name, "vda", "--dest", copy, "--transient-job", "--shallow", "--wait");
        try
        {
            var result = Repair(Live);
            Assert.Equal(RepairAction.Incomplete, result.Action);
            Assert.NotEqual(copy, Live.Domain.FindDisk("vda")!.Source.Path);
            Assert.True(Live.Domain.FindDisk("vda")!.IsMirrorReady);
        }
        finally
        {
            Lab.Virsh("blockjob", Live.Name, "vda", "--abort");
            File.Delete(copy);
        }

        Assert.Equal(RepairAction.Finished, Repair(Live).Action);
        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void An_overlay_is_not_deleted_when_the_disk_was_moved_elsewhere_by_hand()
    {
        Engine.Take(ShutOff.Domain, "s3");
        Use(ShutOff, 3);
        Kill(ShutOff, "s3", nameof(RunStep.RemovalJournaled));
        var overlay = ShutOff.Domain.FindDisk("vda")!.Source.Path!;
        var other = Path.Combine(Lab.Images, "another.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", other, "64M");
        MoveDisk(ShutOff, overlay, other);
        try
        {
            Assert.Equal(RepairAction.Incomplete, Repair(ShutOff).Action);
            Assert.True(File.Exists(overlay));
        }
        finally
        {
            MoveDisk(ShutOff, other, overlay);
            File.Delete(other);
        }

        Assert.Equal(RepairAction.Finished, Repair(ShutOff).Action);
        AssertAgreement(ShutOff);
    }

    [Fact]
    public void A_merge_of_a_shut_off_domain_that_is_killed_in_the_middle_is_finished()
    {
        TakeThree(ShutOff);
        BareDomain.WriteOffline(ShutOff.Domain.FindDisk("vda")!.Source.Path!, 7, "32M", "8M");
        var others = Contents(ShutOff, exceptName: "s3");

        CrashTestProcess.Die(Lab, ShutOff.Name, new CrashTestRequest
        {
            Work = CrashTestWork.Removal,
            Name = "s3",
            Step = RunStep.MergeStarted,
            End = CrashTestEnd.KilledLater,
            DelayMilliseconds = 500,
            Bandwidth = 4 << 20,
        });

        // qemu-img pours on without us; until it has ended, repairing must not touch the disk.
        Assert.Equal(RepairAction.Incomplete, Repair(ShutOff).Action);
        Assert.All(Named(ShutOff, "s3"), snapshot => Assert.Equal(SnapshotState.Removing, snapshot.State));
        Poll.Until(() => Repair(ShutOff).Action == RepairAction.Finished, 30, "The merge is not finished.");

        AssertAgreement(ShutOff, "s1", "s2");
        Assert.Equal(others, Contents(ShutOff, exceptName: "s3"));
        RemoveAll(ShutOff);
    }

    /// <summary>A libvirtd that dies between QEMU's start of the job and its own note of it knows the job afterwards, but not what that writes to.</summary>
    [Fact]
    public void A_finished_commit_whose_mirror_libvirt_has_forgotten_is_pivoted()
    {
        using var domain = new BareDomain(Lab, "forgotten");
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one"));
        domain.Write(7);
        var content = ImageDigest.Of(domain.Domain.FindDisk("vda")!.Source);
        CrashTestProcess.Die(Lab, domain.Name, new CrashTestRequest { Work = CrashTestWork.Removal, Name = "one", Step = RunStep.RemovalJournaled });
        ForgetMirror(domain.Name);

        // Whoever is told to stop leaves the job alone: libvirt 9.0 crashes when it is to abort it.
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Equal("RemovalStopped", Assert.Single(Engine.TryRemove(domain.Domain, [snapshot], cancellation: stop.Token)).Error!.ErrorId);
        Assert.Equal(SnapshotState.Removing, Assert.Single(Engine.List(domain.Domain)).State);

        Assert.Equal(RepairAction.Finished, Repair(domain).Action);
        Engine.AssertNothingLeft(domain.Domain);
        Assert.Equal(domain.Image(), domain.Domain.FindDisk("vda")!.Source.Path);
        Assert.Equal(content, ImageDigest.Of(domain.Image(), "qcow2"));
    }

    /// <summary>
    /// Starts the commit that the killed run was about to start, and kills libvirtd. What it has noted is put back to the moment within the call that starts
    /// the job, since no kill hits that moment reliably.
    /// </summary>
    private void ForgetMirror(string name)
    {
        Lab.Virsh("blockcommit", name, "vda", "--active", "--shallow");
        Poll.Until(() => FindDisk().IsMirrorReady, 20, "The commit is not ready.");
        Lab.KillDaemon();
        var path = Path.Combine(Lab.Folder, "run/qemu", $"{name}.xml");
        var status = XDocument.Load(path);
        status.Descendants("mirror").Remove();
        status.Descendants("blockjob").Single().SetAttributeValue("state", "new");
        status.Save(path);
        Lab.RestartDaemon();
        Assert.False(FindDisk().HasMirror);
        Assert.NotEmpty(LabScript.RunProgram("virsh", "-q", "-c", Lab.Uri, "blockjob", name, "vda", "--raw").Trim());

        VmDisk FindDisk() => DomainFinder.FindOne(Lab.Uri, name, Token).FindDisk("vda")!;
    }

    /// <summary>
    /// Kills the removal of one of three sets repeatedly, each time at another step, and lets it be finished. The guest keeps writing, and at the end all its
    /// records are there.
    /// </summary>
    /// <param name="kills">Which of the three, from 0 for the oldest, and where.</param>
    /// <param name="finish">Given what was to be removed, and how many kills there were before.</param>
    private void AssertRemoved(IEnumerable<(int Position, RunStep Step)> kills, Action<IReadOnlyList<DiskSnapshot>, int> finish)
    {
        TakeThree(Live);
        List<string> names = ["s1", "s2", "s3"];
        foreach (var (round, (position, step)) in kills.Index())
        {
            var name = names[position];
            var (removed, others) = (Named(Live, name), Contents(Live, exceptName: name));
            Kill(Live, name, $"{step}");
            finish(removed, round);

            names.RemoveAt(position);
            AssertAgreement(Live, [.. names]);
            Assert.Equal(others, Contents(Live, exceptName: name));
            names.Add($"s{round + 4}");
            Engine.Take(Live.Domain, names[^1]);
            Live.WaitForMoreRecords(1);
        }

        AssertAllRecordsThere(Live);
    }

    private void Kill(TestGuest guest, string name, string step, ulong bandwidth = 0)
    {
        CrashTestProcess.Die(Lab, guest.Name, new CrashTestRequest
        {
            Work = CrashTestWork.Removal,
            Name = name,
            Step = Enum.Parse<RunStep>(step),
            Bandwidth = bandwidth,
        });
        var isInCatalog = step is not (nameof(RunStep.CatalogRewritten) or nameof(RunStep.Discarded));
        var states = Named(guest, name).Select(snapshot => snapshot.State).ToList();
        Assert.Equal(isInCatalog ? guest.Domain.Disks.Count : 0, states.Count);
        Assert.All(states, state => Assert.Equal(SnapshotState.Removing, state));
    }

    private static void RemoveAll(TestGuest guest)
    {
        var disks = guest.Domain.Disks.Select(disk => ImageDigest.Of(disk.Source)).ToList();
        Engine.Remove(guest.Domain, Engine.List(guest.Domain));
        AssertAgreement(guest);
        Assert.Equal(disks, guest.Domain.Disks.Select(disk => ImageDigest.Of(disk.Source)));
    }
}
