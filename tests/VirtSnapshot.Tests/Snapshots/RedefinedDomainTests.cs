using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>
/// A domain is defined anew from an XML of the time before its snapshots: the guest's newest data must neither be missing silently nor be deleted.
/// </summary>
public sealed class RedefinedDomainTests(LabFixture lab)
{
    private const byte Old = 1;
    private const byte New = 2;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void A_running_domain_is_warned_of_and_its_stored_definition_follows_again()
    {
        using var domain = new BareDomain(lab, "redefined");
        domain.Write(Old);
        var xml = Inactive(domain);
        Engine.Take(domain.Domain, "s1");
        domain.Write(New);
        Define(xml);

        AssertWarned(domain, "its stored definition starts from");
        var reporter = new HeardReporter();
        Engine.Remove(domain.Domain, Engine.Take(domain.Domain, "s2", reporter: reporter));
        Assert.Contains(reporter.Warnings, warning => warning.Contains("its stored definition starts from", StringComparison.Ordinal));

        Assert.Equal(RepairAction.Reattached, Repair(domain, null).Action);
        AssertQuiet(domain);
        lab.Virsh("destroy", domain.Name);
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        AssertHolds(domain, New);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        AssertHolds(domain, New);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_shut_off_domain_goes_on_with_its_newest_data(bool isKilled)
    {
        using var domain = new BareDomain(lab, "redefined");
        domain.Write(Old);
        var xml = Inactive(domain);
        Engine.Take(domain.Domain, "s1");
        Engine.Take(domain.Domain, "s2");
        domain.Write(New);
        Define(xml);
        lab.Virsh("destroy", domain.Name);

        Assert.Equal(
            [("s1", SnapshotState.Detached), ("s2", SnapshotState.Detached)],
            Engine.List(domain.Domain).Select(snapshot => (snapshot.Name, snapshot.State)));
        AssertWarned(domain, "do not delete that");
        Assert.All(Engine.List(domain.Domain), snapshot => Assert.Equal("SnapshotDetached", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId));
        var taken = Engine.Refused(() => Engine.Take(domain.Domain, "s1"));
        Assert.Equal("OverlayExists", taken.ErrorId);
        Assert.Contains("Do not delete it: 'Repair-DiskSnapshot redefined'", taken.Message, StringComparison.Ordinal);
        var reporter = new HeardReporter();
        Assert.Null(Engine.Current.PlanRepair(domain.Domain, null, reporter, Token));
        Assert.Contains("-DetachedOverlay Reattach", Assert.Single(reporter.Warnings), StringComparison.Ordinal);

        foreach (var step in isKilled ? [RunStep.Recorded, RunStep.DiskSwitched] : Array.Empty<RunStep>())
        {
            CrashTestProcess.Die(lab, domain.Name, new CrashTestRequest { Work = CrashTestWork.Repair, Detached = DetachedOverlay.Reattach, Step = step });
        }

        if (!isKilled)
        {
            Assert.Equal(RepairAction.Reattached, Repair(domain, DetachedOverlay.Reattach).Action);
        }

        AssertQuiet(domain);
        Assert.All(Engine.List(domain.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
        AssertHolds(domain, New);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        AssertHolds(domain, New);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void What_no_longer_fits_its_base_is_kept_aside()
    {
        using var domain = new BareDomain(lab, "redefined");
        domain.Write(Old);
        var xml = Inactive(domain);
        Engine.Take(domain.Domain, "s1");
        Engine.Take(domain.Domain, "s2");
        domain.Write(New);
        Define(xml);
        lab.Virsh("destroy", domain.Name);
        lab.Virsh("start", domain.Name);
        AssertWarned(domain, "do not delete that");
        Assert.Equal("DomainRunning", Engine.Refused(() => Engine.Current.PlanRepair(domain.Domain, DetachedOverlay.Reattach, new HeardReporter(), Token))
            .ErrorId);
        domain.Write(Old, offset: "1M");
        lab.Virsh("destroy", domain.Name);

        var error = Engine.Refused(() => Engine.Current.PlanRepair(domain.Domain, DetachedOverlay.Reattach, new HeardReporter(), Token));
        Assert.Equal("NotReattachable", error.ErrorId);
        Assert.Contains("is newer than", error.Message, StringComparison.Ordinal);

        var dying = new CrashTestRequest { Work = CrashTestWork.Repair, Detached = DetachedOverlay.KeepAside, Step = RunStep.CatalogRewritten };
        CrashTestProcess.Die(lab, domain.Name, dying);
        Assert.All(Engine.List(domain.Domain), snapshot => Assert.Equal(SnapshotState.Detached, snapshot.State));
        Assert.Equal(RepairAction.KeptAside, Repair(domain, DetachedOverlay.KeepAside).Action);
        Assert.Empty(Engine.List(domain.Domain));
        AssertQuiet(domain);
        AssertHolds(domain, Old);
        var kept = Assert.Single(Directory.GetFiles(lab.Images, "redefined-vda.s2.qcow2.kept-*"));
        AssertHolds(kept, New);
        Engine.Remove(domain.Domain, Engine.Take(domain.Domain, "s1"));
    }

    [Fact]
    public void Overlays_that_stand_side_by_side_are_kept_aside_each_with_its_own_base()
    {
        using var domain = new BareDomain(lab, "redefined");
        var xml = Inactive(domain);
        Engine.Take(domain.Domain, "s1");
        domain.Write(Old);
        Define(xml);
        lab.Virsh("destroy", domain.Name);
        lab.Virsh("start", domain.Name);
        Engine.Take(domain.Domain, "s2");
        domain.Write(New, offset: "1M");
        Define(xml);
        lab.Virsh("destroy", domain.Name);

        Assert.Equal(2, Engine.List(domain.Domain).Count(snapshot => snapshot.State == SnapshotState.Detached));
        Assert.Equal("NotReattachable", Engine.Refused(() => Engine.Current.PlanRepair(domain.Domain, DetachedOverlay.Reattach, new HeardReporter(), Token))
            .ErrorId);
        Assert.Equal(RepairAction.KeptAside, Repair(domain, DetachedOverlay.KeepAside).Action);
        AssertQuiet(domain);
        AssertHolds(Assert.Single(Directory.GetFiles(lab.Images, "redefined-vda.s1.qcow2.kept-*")), Old);
        var second = Assert.Single(Directory.GetFiles(lab.Images, "redefined-vda.s2.qcow2.kept-*"));
        AssertHolds(second, 0);
        LabScript.RunProgram("qemu-io", "-r", "-f", "qcow2", "-c", $"read -P {New} 1M 64k", second);
    }

    [Fact]
    public void Overlays_in_a_pool_are_found_and_those_of_others_are_not()
    {
        var folder = Directory.CreateDirectory(Path.Combine(lab.Images, "redefined-pool")).FullName;
        lab.Virsh("pool-create-as", "redefined-pool", "dir", "--target", folder);
        try
        {
            using var domain = new BareDomain(lab, "redefined");
            var xml = Inactive(domain);
            Engine.Take(domain.Domain, "s1", overlayDirectory: folder);
            domain.Write(New);

            // Another's, by name like ours, and a copy of ours.
            LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", domain.Image(), "-F", "qcow2",
                Path.Combine(folder, "redefined-vda.mine.qcow2"));
            LabScript.RunProgram("qemu-io", "-f", "qcow2", "-c", "write 0 64k", Path.Combine(folder, "redefined-vda.mine.qcow2"));
            Define(xml);
            lab.Virsh("destroy", domain.Name);
            Assert.Equal(("s1", SnapshotState.Detached), Assert.Single(Engine.List(domain.Domain).Select(snapshot => (snapshot.Name, snapshot.State))));
            Assert.Equal(RepairAction.Reattached, Repair(domain, DetachedOverlay.Reattach).Action);
            AssertHolds(domain, New);
        }
        finally
        {
            lab.Virsh("pool-destroy", "redefined-pool");
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_snapshot_that_has_lost_its_record_is_recorded_again()
    {
        using var domain = new BareDomain(lab, "redefined");
        Engine.Take(domain.Domain, "s1");
        domain.Write(New);
        lab.Virsh("destroy", domain.Name);
        var group = Assert.Single(Engine.List(domain.Domain)).Group;
        lab.Virsh("metadata", domain.Name, $"urn:virtsnapshot:1:set:{group:D}", "--remove", "--config");

        var lost = Assert.Single(Engine.List(domain.Domain));
        Assert.Equal(("s1", group, SnapshotState.Unknown), (lost.Name, lost.Group, lost.State));
        Assert.Equal("SnapshotNotRecorded", Engine.RemovalRefused(domain.Domain, lost).ErrorId);
        Assert.Equal(RepairAction.Recorded, Repair(domain, null).Action);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        AssertHolds(domain, New);
        Engine.AssertNothingLeft(domain.Domain);
    }

    private static RepairResult Repair(BareDomain domain, DetachedOverlay? detached)
    {
        using var plan = Engine.Current.PlanRepair(domain.Domain, detached, new HeardReporter(), Token)!;
        Assert.NotEmpty(plan.Description);
        return plan.Run(Token);
    }

    private static void AssertWarned(BareDomain domain, string text)
    {
        var listing = new SnapshotListing();
        Engine.List(domain.Domain, listing);
        Assert.Contains(text, Assert.Single(listing.TakeWarnings()), StringComparison.Ordinal);
    }

    private static void AssertQuiet(BareDomain domain)
    {
        var listing = new SnapshotListing();
        Engine.List(domain.Domain, listing);
        Assert.Empty(listing.TakeWarnings());
        using var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), Token);
        Assert.Null(plan);
    }

    private static void AssertHolds(BareDomain domain, byte pattern) => AssertHolds(domain.Domain.FindDisk("vda")!.Source.Path!, pattern);

    private static void AssertHolds(string image, byte pattern) =>
        LabScript.RunProgram("qemu-io", "-r", "-f", "qcow2", "-c", $"read -P {pattern} 0 64k", image);

    private string Inactive(BareDomain domain)
    {
        var file = Path.Combine(lab.Images, $"{domain.Name}-old.xml");
        File.WriteAllText(file, lab.Virsh("dumpxml", "--inactive", domain.Name));
        return file;
    }

    private void Define(string xml) => lab.Virsh("define", xml);
}
