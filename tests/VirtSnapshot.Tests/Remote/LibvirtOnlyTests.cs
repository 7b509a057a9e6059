using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Cmdlets;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.LibvirtVolume;
using VirtSnapshot.Tests.Methods.Volumes;
using Xunit;

namespace VirtSnapshot.Tests.Remote;

/// <summary>The whole way to a host that nothing but libvirt reaches: no shell, no files.</summary>
public sealed class LibvirtOnlyTests : VolumeTest
{
    private readonly TcpRelay relay;
    private readonly string folder;

    public LibvirtOnlyTests(LabFixture lab)
        : base(lab)
    {
        folder = Xfs("1G").Folder;
        relay = Keep(new TcpRelay(lab));
        Engine.KeepsSpareGuards = false;
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void A_quiesced_set_of_volumes_is_taken_without_being_asked_for_read_back_and_removed()
    {
        using var guest = Boot(out var pool);
        using var started = pool;
        guest.WaitForMoreRecords();
        var acknowledged = guest.LastAcknowledged();

        var set = Engine.Take(Far(guest.Name), "far", quiescing: Engine.Required);
        Assert.All(set, snapshot => Assert.Equal(
            ("libvirt-volume", Consistency.Quiesced, SnapshotState.Available, relay.Uri),
                (snapshot.Method, snapshot.Consistency, snapshot.State, snapshot.Uri)));
        var last = set.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!, "raw")).ToList();
        Assert.InRange(last[0] - last[1], 0, 1);
        Assert.True(last.Min() >= acknowledged);
        Assert.All(Engine.List(Far(guest.Name)), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));

        Engine.Remove(Far(guest.Name), Engine.List(Far(guest.Name)));
        AssertNothingLeft(guest.Domain);
        guest.WaitForMoreRecords();
    }

    [Fact]
    public void What_needs_more_than_libvirt_is_refused_with_the_reason_and_listed_as_unverified()
    {
        var domain = Define(Disk(Qcow2(folder, "a.qcow2"), format: "qcow2"));
        var error = Engine.Refused(() => Engine.Take(Far(domain.Name), method: "qemu"));
        Assert.Equal("MethodUnsuitable", error.ErrorId);
        Assert.Contains("'tcp' gives access only to libvirt", error.Message, StringComparison.Ordinal);
        error = Engine.Refused(() => Engine.Take(Far(domain.Name)));
        Assert.Equal("NoMethod", error.ErrorId);
        Assert.Contains("not a volume of a running storage pool", error.Message, StringComparison.Ordinal);
        AssertNothingLeft(domain.Domain);

        Engine.Take(domain.Domain, "near", method: "qemu");
        var listed = Assert.Single(Engine.List(Far(domain.Name)));
        Assert.Equal(SnapshotState.Unverified, listed.State);
        Assert.Equal("RemoteHostNotSupported", Engine.RemovalRefused(Far(domain.Name), listed).ErrorId);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
    }

    [Fact]
    public void A_shut_off_domain_is_snapshotted_restored_and_repaired_by_cmdlets()
    {
        var domain = Define(Disk(Raw(folder, "a.raw")), Disk(Raw(folder, "b.raw"), "vdb"));
        using var pool = new RunningPool(Lab, folder);
        using var engine = new PowerShellEngine();
        var result = engine.Run($"(New-DiskSnapshot {domain.Name} -Name far -Uri '{relay.Uri}').Method");
        Assert.Empty(result.Errors);
        Assert.Equal(["libvirt-volume", "libvirt-volume"], result.Output.Select(method => $"{method}"));
        Assert.All(domain.Domain.Disks, disk => WriteRaw(disk.Source.Path!, 2));

        CrashTestProcess.Die(relay.Uri, domain.Name, new CrashTestRequest { Work = CrashTestWork.Restore, Name = "far", Step = RunStep.DiskSwitched });
        result = engine.Run($"(Repair-DiskSnapshot {domain.Name} -Uri '{relay.Uri}').Action");
        Assert.Equal("Finished", $"{Assert.Single(result.Output)}");
        Assert.All(domain.Domain.Disks, disk => Assert.Equal(1, Host.ReadHead(disk.Source.Path!, 1)[0]));

        result = engine.Run($"Get-DiskSnapshot {domain.Name} -Uri '{relay.Uri}' | Restore-DiskSnapshot -Confirm:$false; Get-DiskSnapshot {domain.Name} -Uri '{relay.Uri}' | Remove-DiskSnapshot -Confirm:$false");
        Assert.Empty(result.Errors);
        AssertNothingLeft(domain.Domain);
    }

    /// <summary>The lock is of this machine alone.</summary>
    [Fact]
    public void What_another_machine_may_still_be_doing_is_not_repaired()
    {
        var domain = Define(Disk(Raw(folder, "a.raw")));
        using var pool = new RunningPool(Lab, folder);
        CrashTestProcess.Die(relay.Uri, domain.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Taken });
        var definition = Path.Combine(Lab.Images, $"{domain.Name}-edited.xml");
        Rewrite(Environment.MachineName, "another-machine");
        var error = Engine.Refused(() => Engine.Current.PlanRepair(Far(domain.Name), null, new HeardReporter(), Token));
        Assert.Equal("DomainLocked", error.ErrorId);
        Assert.Contains("'another-machine'", error.Message, StringComparison.Ordinal);

        // Nor by whoever has the host's own lock.
        Assert.Equal("DomainLocked", Engine.Refused(() => Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), Token)).ErrorId);

        Rewrite("another-machine", Environment.MachineName);
        using (var plan = Engine.Current.PlanRepair(Far(domain.Name), null, new HeardReporter(), Token)!)
        {
            Assert.Equal(RepairAction.Undone, plan.Run(Token).Action);
        }

        AssertNothingLeft(domain.Domain);

        void Rewrite(string from, string to)
        {
            var xml = domain.Domain.Xml;
            var edited = xml.Replace($"lockedOn='{from}'", $"lockedOn='{to}'", StringComparison.Ordinal)
                .Replace($"lockedOn=\"{from}\"", $"lockedOn=\"{to}\"", StringComparison.Ordinal);
            Assert.NotEqual(xml, edited);
            File.WriteAllText(definition, edited);
            Lab.Virsh("define", definition);
        }
    }

    [Fact]
    public void The_guest_is_thawed_by_a_guard_on_this_machine_when_the_run_is_killed_in_its_window()
    {
        using var guest = Boot(out var pool);
        using var started = pool;
        CrashTestProcess.Die(relay.Uri, guest.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen });
        Guard.AssertThawed(guest);
        using (var plan = Engine.Current.PlanRepair(Far(guest.Name), null, new HeardReporter(), Token)!)
        {
            Assert.Equal(RepairAction.Undone, plan.Run(Token).Action);
        }

        AssertNothingLeft(guest.Domain);
    }

    [Fact]
    public void The_guest_is_thawed_as_soon_as_the_network_is_back()
    {
        using var guest = Boot(out var pool);
        using var started = pool;
        Engine.Observer = step =>
        {
            if (step == RunStep.Frozen)
            {
                Engine.Observer = null;
                relay.Cut();
            }
        };
        var far = Far(guest.Name);
        using var mending = new Timer(_ => relay.Mend(), null, TimeSpan.FromSeconds(4), Timeout.InfiniteTimeSpan);

        Engine.Refused(() => Engine.Take(far, "cut", quiescing: Engine.Required));
        Guard.AssertThawed(guest, withinSeconds: 15);
        using (var plan = Engine.Current.PlanRepair(Far(guest.Name), null, new HeardReporter(), Token))
        {
            plan?.Run(Token);
        }

        AssertNothingLeft(guest.Domain);
        guest.WaitForMoreRecords();
    }

    private VmDomain Far(string name) => DomainFinder.FindOne(relay.Uri, name, Token);

    private TestGuest Boot(out RunningPool pool)
    {
        var guest = Lab.ThrowawayIn(folder, "far", "--format", "raw");
        pool = new RunningPool(Lab, Path.Combine(folder, "images"));
        return guest;
    }
}
