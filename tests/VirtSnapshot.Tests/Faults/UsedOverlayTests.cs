using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>What a dead run has left may have been put to use since: it is proven unneeded, or it stays.</summary>
public sealed class UsedOverlayTests(LabFixture lab) : FaultTest(lab)
{
    [Fact]
    public void An_overlay_that_holds_data_stays()
    {
        var overlay = LeaveOverlays();
        BareDomain.WriteOffline(overlay, 9);
        AssertKept(overlay);

        File.Delete(overlay);
        Assert.Equal(RepairAction.Undone, Repair(ShutOff).Action);
        AssertAgreement(ShutOff);
    }

    [Fact]
    public void An_overlay_that_a_process_has_open_stays_until_it_is_closed()
    {
        var overlay = LeaveOverlays();
        using (File.Open(overlay, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            AssertKept(overlay);
        }

        Assert.Equal(RepairAction.Undone, Repair(ShutOff).Action);
        AssertAgreement(ShutOff);
    }

    [Fact]
    public void An_overlay_that_was_given_another_base_stays()
    {
        var overlay = LeaveOverlays();
        var other = Path.Combine(Lab.Images, "another.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", other, "64M");
        LabScript.RunProgram("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", other, "-F", "qcow2", overlay);
        AssertKept(overlay);

        File.Delete(overlay);
        File.Delete(other);
        Assert.Equal(RepairAction.Undone, Repair(ShutOff).Action);
        AssertAgreement(ShutOff);
    }

    [Fact]
    public void An_overlay_that_another_domain_uses_stays()
    {
        var overlay = LeaveOverlays();
        using (new BareDomain(Lab, "faults-thief", [BareDomain.FileDisk(overlay, "vda", "qcow2")], isRunning: false))
        {
            AssertKept(overlay);
        }

        Assert.Equal(RepairAction.Undone, Repair(ShutOff).Action);
        AssertAgreement(ShutOff);
    }

    [Fact]
    public void An_overlay_on_which_another_image_stands_stays()
    {
        var overlay = LeaveOverlays();
        var clone = Path.Combine(Lab.Images, "clone.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", overlay, "-F", "qcow2", clone);
        AssertKept(overlay);

        File.Delete(clone);
        Assert.Equal(RepairAction.Undone, Repair(ShutOff).Action);
        AssertAgreement(ShutOff);
    }

    [Fact]
    public void Something_else_in_its_place_stays()
    {
        var overlay = LeaveOverlays();
        File.WriteAllText(overlay, "somebody's notes");
        AssertKept(overlay);

        File.Delete(overlay);
        Assert.Equal(RepairAction.Undone, Repair(ShutOff).Action);
        AssertAgreement(ShutOff);
    }

    /// <summary>A run that died when its overlays were made and not yet taken.</summary>
    /// <returns>The overlay of the first disk.</returns>
    private string LeaveOverlays()
    {
        CrashTestProcess.Die(Lab, ShutOff.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Prepared });
        return Files(ShutOff).Split('\n').Single(file => file.EndsWith("vda.fault.qcow2", StringComparison.Ordinal));
    }

    private void AssertKept(string overlay)
    {
        var content = ImageDigest.OfFile(overlay);
        var result = Repair(ShutOff);
        Assert.Equal(RepairAction.Incomplete, result.Action);
        Assert.Contains(overlay, Assert.Single(result.Details), StringComparison.Ordinal);
        Assert.Equal(content, ImageDigest.OfFile(overlay));
        Assert.NotNull(RunJournal.Read(ShutOff.Domain));
    }
}
