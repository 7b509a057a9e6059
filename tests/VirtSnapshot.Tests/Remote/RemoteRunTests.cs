using System.Diagnostics;
using System.Globalization;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Cmdlets;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Remote;

/// <summary>The whole way over ssh. What is left afterwards is looked at without it.</summary>
[Trait("Debian13", "yes")]
public sealed class RemoteRunTests(LabFixture lab, SshServer server) : FaultTest(lab)
{
    private string Uri => server.UriOf(Lab);

    private VmDomain Remote => DomainFinder.FindOne(Uri, Live.Name, Token);

    private VmDomain RemoteShutOff => DomainFinder.FindOne(Uri, ShutOff.Name, Token);

    [Fact]
    public void A_quiesced_set_is_taken_read_back_and_removed()
    {
        Live.WaitForMoreRecords(1);
        var acknowledged = Live.LastAcknowledged();
        var freezes = Guard.Freezes(Live).Count;
        var set = Engine.Take(Remote, "remote", quiescing: Engine.Required);
        Assert.All(set, snapshot => Assert.Equal((Consistency.Quiesced, SnapshotState.Available), (snapshot.Consistency, snapshot.State)));
        Assert.NotNull(Assert.Single(Guard.Freezes(Live).Skip(freezes)));
        Assert.All(set, snapshot => Assert.True(TestGuest.ReadRecords(snapshot.BackupSource.Path!) >= acknowledged));
        Assert.EndsWith("0\n", LabScript.RunProgram("stat", "-c", "%a", set[0].ModifiedDisk!.Source.Path!), StringComparison.Ordinal);
        AssertAgreement(Live, "remote");

        Assert.All(Engine.List(Remote), snapshot => Assert.Equal((SnapshotState.Available, Uri), (snapshot.State, snapshot.Uri)));
        Engine.Remove(Remote, Engine.List(Remote));
        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_shut_off_domain_s_set_is_taken_and_removed()
    {
        Engine.Take(RemoteShutOff, "remote");
        Use(ShutOff, 7);
        Engine.Remove(RemoteShutOff, Engine.List(RemoteShutOff));
        AssertAgreement(ShutOff);
    }

    [Fact]
    public void The_journeys_are_few()
    {
        // In a libvirt of its own: shut-off domains that other tests have left cost one more each time, for what their images stand on is not known.
        using var alone = new LabFixture();
        var connection = server.Connection();
        var domain = DomainFinder.FindOne(server.UriOf(alone), alone.Guest("journeys").Name, Token);
        Engine.Take(domain, "warm", quiescing: Engine.Required);
        Engine.Remove(domain, Engine.List(domain));

        var count = connection.RoundTrips;
        int Since() => (count, count = connection.RoundTrips) is var (before, now) ? now - before : 0;
        var taken = Engine.Take(domain, "counted", quiescing: Engine.Required);
        var forTaking = Since();
        var listed = Engine.List(domain);
        var forListing = Since();
        Engine.Remove(domain, taken);
        var forRemoving = Since();
        TestContext.Current.TestOutputHelper?.WriteLine($"taking {forTaking}, listing {forListing}, removing {forRemoving}");
        Assert.Equal(2, listed.Count);

        // Some of these look for other domains on the images, and for overlays that the disks do not use.
        Assert.InRange(forTaking, 1, 15);
        Assert.InRange(forListing, 1, 6);
        Assert.InRange(forRemoving, 1, 31);
    }

    [Fact]
    public void The_cmdlets_work_as_with_a_local_host()
    {
        using var engine = new PowerShellEngine();
        var result = engine.Run($"""
            $s = New-DiskSnapshot {Live.Name} -Name cmd -QuiesceRequired -Uri '{Uri}'
            (Get-DiskSnapshot {Live.Name} -Uri '{Uri}').State
            $s | Remove-DiskSnapshot -Confirm:$false
            Repair-DiskSnapshot {Live.Name} -Uri '{Uri}'
            """);
        Assert.Empty(result.Errors);
        Assert.Equal(["Available", "Available"], result.Output.Take(2).Select(state => $"{state}"));
        AssertAgreement(Live);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_guest_is_thawed_when_the_run_is_killed_in_its_window(bool isWarm)
    {
        CrashTestProcess.Die(Uri, Live.Name, new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen, IsWarm = isWarm });
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);

        // Its lock has gone with it, and what it left is repaired from here.
        using (var plan = Engine.Current.PlanRepair(Remote, null, new HeardReporter(), Token)!)
        {
            Assert.Equal(RepairAction.Undone, plan.Run(Token).Action);
        }

        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void The_guest_is_thawed_by_its_host_when_the_connection_is_cut_in_the_window()
    {
        At(RunStep.Frozen, server.CutAll);
        var error = Engine.Refused(() => Engine.Take(Remote, "cut", quiescing: Engine.Required));
        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        Assert.Equal("LibvirtUnreachable", error.ErrorId);
        Assert.Contains("Everything was undone", error.Message, StringComparison.Ordinal);
        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_host_that_stays_away_leaves_a_thawed_guest_and_a_journal()
    {
        using var crashTest = CrashTestProcess.Start(Uri, Live.Name,
            new CrashTestRequest { Work = CrashTestWork.Snapshot, Step = RunStep.Frozen, End = CrashTestEnd.Waits });
        crashTest.WaitForStep(RunStep.Frozen);
        using (server.Configured("away", "DenyUsers root\n"))
        {
            server.CutAll();
            Guard.AssertThawed(Live);
            Guard.AssertGone(Live);
            crashTest.GoOn();
            Assert.Contains("Repair-DiskSnapshot", crashTest.WaitForEnd(), StringComparison.Ordinal);
        }

        using (var plan = Engine.Current.PlanRepair(Remote, null, new HeardReporter(), Token)!)
        {
            Assert.Equal(RepairAction.Undone, plan.Run(Token).Action);
        }

        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_connection_cut_while_the_overlays_are_made_leaves_nothing()
    {
        At(RunStep.Journaled, server.CutAll);
        var taken = Record.Exception(() => Engine.Take(Remote, "cut", quiescing: Engine.Required));
        if (taken is null)
        {
            Engine.Remove(Remote, Engine.List(Remote));
        }

        Guard.AssertThawed(Live);
        Guard.AssertGone(Live);
        AssertAgreement(Live);
    }

    [Fact]
    public void A_guard_made_ahead_serves_the_next_run_and_one_that_was_lost_is_replaced()
    {
        Engine.KeepsSpareGuards = true;
        Engine.Take(Remote, "first", quiescing: Engine.Required);
        Guard.WaitForSpare(Live);
        server.CutAll();
        Guard.AssertGone(Live);
        Engine.KeepsSpareGuards = false;
        Assert.All(Engine.Take(Remote, "second", quiescing: Engine.Required), snapshot => Assert.Equal(Consistency.Quiesced, snapshot.Consistency));
        Guard.AssertGone(Live);
        Engine.Remove(Remote, Engine.List(Remote));
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_kept_connection_that_was_lost_a_moment_ago_is_replaced()
    {
        for (var times = 0; times < 3; times++)
        {
            Assert.NotNull(Remote);

            // At once, before libvirt hears of it.
            Array.ForEach(Connections(), static ssh => ssh.Kill());
            Assert.Equal(Live.Name, Remote.Name);
            Array.ForEach(Connections(), static ssh => ssh.Kill());
            Assert.Contains(DomainFinder.FindAll(Uri, null, static error => throw error, Token), domain => domain.Name == Live.Name);
        }

        Process[] Connections()
        {
            var ids = LabScript.RunProgram("pgrep", "-f", "-P", $"{Environment.ProcessId}", Lab.Socket).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            return Array.ConvertAll(ids, static id => Process.GetProcessById(int.Parse(id, CultureInfo.InvariantCulture)));
        }
    }

    [Fact]
    public void A_run_on_the_host_itself_keeps_one_from_here_out()
    {
        using (new LocalHost(Lab.Uri).TryLock($"domain-{Live.Domain.Uuid:D}"))
        {
            Assert.Equal("DomainLocked", Engine.Refused(() => Engine.Take(Remote)).ErrorId);
        }

        using (server.Host().TryLock($"domain-{Live.Domain.Uuid:D}"))
        {
            Assert.Equal("DomainLocked", Engine.Refused(() => Engine.Take(Live.Domain)).ErrorId);
        }

        AssertAgreement(Live);
    }

    [Fact]
    public void A_user_with_sudo_does_it_all_and_one_without_sees_what_libvirt_shows()
    {
        using var able = new HostAccount(hasSudo: true);
        var domain = DomainFinder.FindOne(server.UriOf(Lab, able.Name), Live.Name, Token);
        Assert.All(Engine.Take(domain, "sudo", quiescing: Engine.Required), snapshot => Assert.Equal(Consistency.Quiesced, snapshot.Consistency));

        using var unable = new HostAccount(hasSudo: false);
        var seen = DomainFinder.FindOne(server.UriOf(Lab, unable.Name), Live.Name, Token);
        Assert.All(Engine.List(seen), snapshot => Assert.Equal(SnapshotState.Unverified, snapshot.State));
        Assert.Equal(2, Engine.List(seen).Count);
        Assert.Equal("SudoRefused", Engine.Refused(() => Engine.Take(seen, "no")).ErrorId);

        Engine.Remove(domain, Engine.List(domain));
        Guard.AssertGone(Live);
        AssertAgreement(Live);
    }

    [Fact]
    public void A_host_without_a_shell_for_us_is_listed_unverified_and_touched_by_nothing()
    {
        Engine.Take(Live.Domain, "seen");
        var command = server.AnotherCommand("case $* in *ControlPersist*) echo 'no way' >&2; exit 255 ;; esac\nexec \"$real\" \"$@\"");
        var domain = DomainFinder.FindOne(server.UriOf(Lab, command: command), Live.Name, Token);
        Assert.Equal(2, Engine.List(domain).Count);
        Assert.All(Engine.List(domain), snapshot => Assert.Equal(SnapshotState.Unverified, snapshot.State));
        var error = Engine.Refused(() => Engine.Take(domain, "no"));
        Assert.Equal((FailureKind.ConnectionError, "HostUnreachable"), (error.Kind, error.ErrorId));
        Assert.Contains("no way", error.Message, StringComparison.Ordinal);
        AssertAgreement(Live, "seen");
        Engine.Remove(Live.Domain, Engine.List(Live.Domain));
    }

    [Fact]
    public void Hostile_paths_never_reach_a_shell()
    {
        var folder = Path.Combine(Lab.Images, "remote-'$(touch hacked)' \"`id` *;é");
        Directory.CreateDirectory(folder);
        try
        {
            var image = Path.Combine(folder, "a'b $(id) \\.qcow2");
            LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", image, "8M");
            using var bare = new BareDomain(Lab, "remote-hostile", [BareDomain.FileDisk(image, "vda", "qcow2")]);
            bare.Write(1);
            var domain = DomainFinder.FindOne(Uri, bare.Name, Token);
            Assert.Equal(folder, Path.GetDirectoryName(Engine.Take(domain, "hostile")[0].ModifiedDisk!.Source.Path));
            bare.Write(2);
            Engine.Remove(domain, Engine.List(domain));
            Assert.Equal([image], Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
