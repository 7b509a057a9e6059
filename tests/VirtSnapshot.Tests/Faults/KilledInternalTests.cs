using VirtSnapshot.Domains;
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
    public void What_a_killed_run_has_left_waits_in_the_journal_until_the_domain_is_shut_off()
    {
        using var domain = new BareDomain(Lab, "killed-internal", isRunning: false);
        CrashTestProcess.Die(Lab, domain.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Method = Method, Step = RunStep.Taken });
        Lab.Virsh("start", domain.Name);
        using (var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), Token))
        {
            var result = plan!.Run(Token);
            Assert.Equal(RepairAction.Incomplete, result.Action);
        }

        Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.Take(domain.Domain)).ErrorId);
        Lab.Virsh("destroy", domain.Name);
        using (var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), Token))
        {
            Assert.Equal(RepairAction.Undone, plan!.Run(Token).Action);
        }

        Engine.AssertNothingLeft(domain.Domain);
        Assert.Equal(0u, ImageChain.ReadHeader(Host, domain.Image())!.SnapshotCount);
    }

    [Fact]
    [Trait("Quick", "no")]
    public void What_a_guest_has_written_to_a_half_restored_domain_is_kept()
    {
        using var domain = TwoDisks("half-inside");
        var newer = Digests(domain);
        CrashTestProcess.Die(Lab, domain.Name, new CrashTestRequest { Work = CrashTestWork.Restore, Name = "s1", Step = RunStep.DiskSwitched });
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
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    /// <summary>Shut off, with a snapshot s1, and written to since.</summary>
    private BareDomain TwoDisks(string name)
    {
        var domain = new BareDomain(Lab, name, [BareDomain.Qcow2(Lab, name, "vda"), BareDomain.Qcow2(Lab, name, "vdb")], isRunning: false);
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
}
