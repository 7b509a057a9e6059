using VirtSnapshot.Quiescing;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

public sealed class SomebodyElsesFreezeTests(LabFixture lab) : IDisposable
{
    private TestGuest Guest => lab.Guest("records", [.. TestGuest.WritesFast]);

    public void Dispose() => Engine.Observer = null;

    [Theory]
    [InlineData(Quiescence.Required)]
    [InlineData(Quiescence.WherePossible)]
    public void A_guest_that_somebody_else_holds_frozen_is_left_frozen(Quiescence quiescence)
    {
        lab.Virsh("domfsfreeze", Guest.Name);
        try
        {
            var error = Engine.Refused(() => Engine.Take(Guest.Domain, quiescing: new QuiesceOptions { Quiescence = quiescence }));
            Assert.Equal((FailureKind.ResourceBusy, "GuestAlreadyFrozen"), (error.Kind, error.ErrorId));
            Assert.Contains("frozen", FreezeStatus(), StringComparison.Ordinal);
        }
        finally
        {
            lab.Virsh("domfsthaw", Guest.Name);
        }

        Guest.WaitForMoreRecords();
        Engine.AssertNothingLeft(Guest.Domain);
    }

    [Fact]
    public void A_thaw_by_somebody_else_makes_it_crash_consistent_and_is_told()
    {
        ThawInBetween();
        var reporter = new HeardReporter();
        var snapshots = Engine.Take(Guest.Domain, quiescing: new QuiesceOptions(), reporter: reporter);
        Assert.All(snapshots, snapshot => Assert.Equal(Consistency.CrashConsistent, snapshot.Consistency));
        Assert.Contains("another client thawed", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
        Engine.Remove(Guest.Domain, snapshots);
        Engine.AssertNothingLeft(Guest.Domain);
    }

    [Fact]
    public void Where_the_freeze_is_required_such_a_set_is_undone()
    {
        ThawInBetween();
        var error = Engine.Refused(() => Engine.Take(Guest.Domain, quiescing: Engine.Required));
        Assert.Equal((FailureKind.InvalidResult, "FreezeNotHeld"), (error.Kind, error.ErrorId));
        Assert.Contains("Everything was undone", error.Message, StringComparison.Ordinal);
        Engine.AssertNothingLeft(Guest.Domain);
        Guest.WaitForMoreRecords();
    }

    private void ThawInBetween() => Engine.Observer = step =>
    {
        if (step == RunStep.Frozen)
        {
            lab.Virsh("domfsthaw", Guest.Name);
        }
    };

    private string FreezeStatus() => lab.Virsh("qemu-agent-command", Guest.Name, "{\"execute\":\"guest-fsfreeze-status\"}");
}
