using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

public class DomainStateTests(LabFixture lab)
{
    private const string AgentChannel = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>";

    [Theory]
    [InlineData(Quiescence.Required)]
    [InlineData(Quiescence.WherePossible)]
    [InlineData(Quiescence.None)]
    public void A_domain_that_is_shut_off_is_as_consistent_as_can_be(Quiescence quiescence)
    {
        using var domain = new BareDomain(lab, "states", isRunning: false);
        var snapshot = Assert.Single(Engine.Take(domain.Domain, quiescing: new QuiesceOptions { Quiescence = quiescence }));
        Assert.Equal((Consistency.Offline, null), (snapshot.Consistency, snapshot.FreezeWindow));
        Assert.Equal(snapshot.ModifiedDisk!.Source.Path, domain.Domain.FindDisk("vda")!.Source.Path);
        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_snapshot_taken_offline_is_removed_while_the_domain_runs_and_the_other_way_round()
    {
        using var domain = new BareDomain(lab, "states", isRunning: false);
        var offline = Engine.Take(domain.Domain, "offline");
        lab.Virsh("start", domain.Name);
        domain.Write(7);
        var live = Engine.Take(domain.Domain, "live");
        domain.Write(8, "1M");
        Engine.Remove(domain.Domain, offline);
        var content = ImageDigest.Of(domain.Domain.FindDisk("vda")!.Source);
        lab.Virsh("destroy", domain.Name);
        Engine.Remove(domain.Domain, live);
        Engine.AssertNothingLeft(domain.Domain);
        Assert.Equal(content, ImageDigest.Of(domain.Image(), "qcow2"));
    }

    [Theory]
    [InlineData("s1")]
    [InlineData("s2")]
    [InlineData("s3")]
    public void What_was_taken_live_is_removed_offline_and_the_domain_still_starts(string name)
    {
        using var domain = new BareDomain(lab, "states");
        for (byte i = 1; i <= 3; i++)
        {
            domain.Write(i, $"{i}M");
            Engine.Take(domain.Domain, $"s{i}");
        }

        lab.Virsh("destroy", domain.Name);
        var content = ImageDigest.Of(domain.Domain.FindDisk("vda")!.Source);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain).Single(snapshot => snapshot.Name == name));
        lab.Virsh("start", domain.Name);
        Assert.Equal(content, ImageDigest.Of(domain.Domain.FindDisk("vda")!.Source));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_paused_domain_s_snapshot_is_of_its_paused_state()
    {
        using var domain = new BareDomain(lab, "states", [BareDomain.Qcow2(lab, "states", "vda"), AgentChannel]);
        lab.Virsh("suspend", domain.Name);
        var error = Engine.Refused(() => Engine.Take(domain.Domain, quiescing: Engine.Required));
        Assert.Equal((FailureKind.InvalidOperation, "GuestPaused"), (error.Kind, error.ErrorId));
        Engine.AssertNothingLeft(domain.Domain);

        var reporter = new HeardReporter();
        var snapshot = Assert.Single(Engine.Take(domain.Domain, quiescing: new QuiesceOptions(), reporter: reporter));
        Assert.Equal((Consistency.Paused, null), (snapshot.Consistency, snapshot.FreezeWindow));
        Assert.DoesNotContain(reporter.Warnings, warning => warning.Contains("agent", StringComparison.Ordinal));
        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
        Assert.True(domain.Domain.IsPaused);
    }

    [Fact]
    public void A_domain_that_is_resumed_in_between_is_not_called_paused()
    {
        using var domain = new BareDomain(lab, "states");
        lab.Virsh("suspend", domain.Name);
        Engine.Observer = step => Resume(step, domain.Name);
        try
        {
            Assert.Equal(Consistency.CrashConsistent, Assert.Single(Engine.Take(domain.Domain)).Consistency);
        }
        finally
        {
            Engine.Observer = null;
        }
    }

    [Fact]
    public void A_transient_domain_has_its_snapshots_as_long_as_it_runs()
    {
        using var domain = new BareDomain(lab, "states", isTransient: true);
        domain.Write(1);
        var snapshot = Assert.Single(Engine.Take(domain.Domain));
        domain.Write(2);
        var content = ImageDigest.Of(domain.Domain.FindDisk("vda")!.Source);
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
        Assert.False(domain.Domain.IsPersistent);
        Assert.Equal(content, ImageDigest.Of(domain.Image(), "qcow2"));
    }

    [Fact]
    public void Without_an_agent_s_channel_the_snapshot_is_crash_consistent_or_refused()
    {
        using var domain = new BareDomain(lab, "states");
        var reporter = new HeardReporter();
        var snapshots = Engine.Take(domain.Domain, quiescing: new QuiesceOptions(), reporter: reporter);
        Assert.Equal(Consistency.CrashConsistent, Assert.Single(snapshots).Consistency);
        Assert.Contains(reporter.Warnings, warning => warning.Contains("crash-consistent", StringComparison.Ordinal));
        Engine.Remove(domain.Domain, snapshots);

        var error = Engine.Refused(() => Engine.Take(domain.Domain, quiescing: Engine.Required));
        Assert.Equal((FailureKind.ResourceUnavailable, "GuestAgentUnavailable"), (error.Kind, error.ErrorId));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void An_agent_that_is_not_connected_is_told_in_a_warning_or_the_snapshot_refused()
    {
        using var domain = new BareDomain(lab, "states", [BareDomain.Qcow2(lab, "states", "vda"), AgentChannel]);
        var reporter = new HeardReporter();
        var snapshots = Engine.Take(domain.Domain, quiescing: new QuiesceOptions(), reporter: reporter);
        Assert.Equal(Consistency.CrashConsistent, Assert.Single(snapshots).Consistency);
        Assert.Contains(reporter.Warnings, warning => warning.Contains("crash-consistent", StringComparison.Ordinal));
        Engine.Remove(domain.Domain, snapshots);

        Assert.Equal("GuestAgentUnavailable", Engine.Refused(() => Engine.Take(domain.Domain, quiescing: Engine.Required)).ErrorId);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_domain_whose_memory_is_saved_is_left_alone()
    {
        using var domain = new BareDomain(lab, "states");
        var snapshots = Engine.Take(domain.Domain);
        lab.Virsh("managedsave", domain.Name);
        foreach (var error in new[] { Engine.Refused(() => Engine.Take(domain.Domain)), Engine.Refused(() => Engine.TryRemove(domain.Domain, snapshots)) })
        {
            Assert.Equal((FailureKind.InvalidOperation, "ManagedSave"), (error.Kind, error.ErrorId));
        }

        lab.Virsh("start", domain.Name);
        Engine.Remove(domain.Domain, snapshots);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_domain_that_is_undefined_while_it_runs_stays_as_it_is_and_is_merged_all_the_same()
    {
        using var domain = new BareDomain(lab, "undefined");
        var snapshots = Engine.Take(domain.Domain);
        lab.Virsh("undefine", domain.Name);
        Assert.False(domain.Domain.IsPersistent);
        Engine.Remove(domain.Domain, snapshots);
        Engine.AssertNothingLeft(domain.Domain);

        var again = Engine.Take(domain.Domain);
        Assert.False(domain.Domain.IsPersistent);
        Engine.Remove(domain.Domain, again);
        Assert.False(domain.Domain.IsPersistent);
        Engine.AssertNothingLeft(domain.Domain);

        // libvirt 9.0 writes the file of the former definition again at each snapshot and commit: not ours to delete.
        File.Delete(Path.Combine(lab.Folder, "etc", "qemu", $"{domain.Name}.xml"));
    }

    private void Resume(RunStep step, string domain)
    {
        if (step == RunStep.Prepared)
        {
            lab.Virsh("resume", domain);
        }
    }
}
