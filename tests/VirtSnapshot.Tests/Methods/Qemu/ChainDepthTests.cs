using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Methods.Qemu;

/// <summary>libvirt 10.8 to 12.0 loses a guest with more than 24 overlays on a disk.</summary>
[Trait("Debian13", "yes")]
public sealed class ChainDepthTests(LabFixture lab)
{
    private const int Limit = ChainDepth.Limit;

    [Theory]
    [InlineData("9.0.0", 24, ChainVerdict.Fine)]
    [InlineData("9.0.0", 25, ChainVerdict.TooDeepAfterUpgrade)]
    [InlineData("10.7.9", 25, ChainVerdict.TooDeepAfterUpgrade)]
    [InlineData("10.8.0", 15, ChainVerdict.Fine)]
    [InlineData("10.8.0", 16, ChainVerdict.NearLimit)]
    [InlineData("11.3.0", 24, ChainVerdict.NearLimit)]
    [InlineData("11.3.0", 25, ChainVerdict.TooDeep)]
    [InlineData("12.0.9", 25, ChainVerdict.TooDeep)]
    [InlineData("12.1.0", 100, ChainVerdict.Fine)]
    public void The_limit_depends_on_the_connected_libvirt(string libvirt, int overlays, object expected) =>
        Assert.Equal(expected, ChainDepth.Probe(Version.Parse(libvirt), overlays));

    [Fact]
    public void A_guest_at_the_limit_survives_a_daemon_restart()
    {
        using var domain = WithOverlays(Limit - 1);
        var reporter = new HeardReporter();
        Engine.Take(domain.Domain, "last", reporter: reporter);
        Assert.Equal(IsLimited(domain) ? 1 : 0, reporter.Warnings.Count(IsAboutDepth));
        lab.RestartDaemon();
        Assert.True(domain.Domain.IsActive);

        reporter = new HeardReporter();
        if (IsLimited(domain))
        {
            var before = domain.Domain.Xml;
            var error = Engine.Refused(() => Engine.Take(domain.Domain, "beyond", reporter: reporter));
            Assert.Equal(("ChainTooDeep", FailureKind.InvalidOperation), (error.ErrorId, error.Kind));
            Assert.Contains($"disk 'vda' of domain 'deep' has {Limit + 1} overlays", error.Message, StringComparison.Ordinal);
            Assert.Contains("Remove-DiskSnapshot", error.Message, StringComparison.Ordinal);
            Assert.Equal(before, domain.Domain.Xml);
        }
        else
        {
            Engine.Take(domain.Domain, "beyond", reporter: reporter);
            Assert.Contains("after such an upgrade", Assert.Single(reporter.Warnings, IsAboutDepth), StringComparison.Ordinal);
            lab.RestartDaemon();
            Assert.True(domain.Domain.IsActive);
        }

        // The daemon connects to QEMU again in the background: a query waits until it has, and fails if the guest did not survive that.
        lab.Virsh("qemu-monitor-command", "--hmp", domain.Name, "info name");
        Assert.True(domain.Domain.IsActive);

        // Started anew, QEMU is given the whole chain at once.
        lab.Virsh("destroy", domain.Name);
        lab.Virsh("start", domain.Name);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Assert.Equal(Limit - 1, domain.Domain.FindDisk("vda")!.BackingChain.Count);
    }

    [Fact]
    public void A_temporary_overlay_counts()
    {
        using var bare = WithOverlays(Limit);
        using var native = DomainFinder.Open(bare.Domain, TestContext.Current.CancellationToken);
        var (domain, host, reporter) = (bare.Domain, new LocalHost(lab.Uri), new HeardReporter());
        var disk = new DiskContext(domain, domain.FindDisk("vda")!, new StorageProbe(() => host, domain.Disks));
        var request = new PlanRequest(
            native,
            domain,
            host,
            SetIdentity.New(domain.Uuid, SnapshotName.Parse("slow")),
            [Engine.Current.Methods.Select(disk, DiskSnapshotMethod.Parse("qemu")) with { IsTemporary = true }],
            overlayDirectory: null,
            recorded: [],
            reporter.Warning);
        var error = Record.Exception(() => Engine.Current.Methods.TemporaryOverlay.Plan(request));
        Assert.True((error as VirtSnapshotException)?.ErrorId == (IsLimited(bare) ? "ChainTooDeep" : null), $"{error}");
        Assert.Equal(IsLimited(bare) ? 0 : 1, reporter.Warnings.Count(IsAboutDepth));
    }

    [Fact]
    public void Restoring_makes_no_chain_deeper()
    {
        using var domain = WithOverlays(Limit - 2, isRunning: false);
        var first = Engine.Take(domain.Domain, "first");
        Engine.Take(domain.Domain, "last");
        var beyond = Record.Exception(() => Engine.Take(domain.Domain, "beyond"));
        Assert.Equal(IsLimited(domain) ? "ChainTooDeep" : null, (beyond as VirtSnapshotException)?.ErrorId);

        // It takes the place of two others at least.
        Engine.Restore(domain.Domain, first);
        lab.Virsh("start", domain.Name);
        Assert.Equal(Limit - 1, domain.Domain.FindDisk("vda")!.BackingChain.Count);
    }

    private static bool IsAboutDepth(string warning) => warning.Contains("overlays in its backing chain", StringComparison.Ordinal);

    private static bool IsLimited(BareDomain domain)
    {
        using var native = DomainFinder.Open(domain.Domain);
        return ChainDepth.Probe(native.Connection.LibraryVersion, Limit + 1) == ChainVerdict.TooDeep;
    }

    /// <summary>A domain whose disk has overlays that are not snapshots: a chain of linked clones.</summary>
    private BareDomain WithOverlays(int count, bool isRunning = true)
    {
        _ = BareDomain.Qcow2(lab, "deep", "vda");
        var top = Path.Combine(lab.Images, "deep-vda.qcow2");
        for (var i = 1; i <= count; i++)
        {
            var overlay = Path.Combine(lab.Images, $"deep-{i}.qcow2");
            LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", top, "-F", "qcow2", overlay);
            top = overlay;
        }

        return new BareDomain(lab, "deep", [BareDomain.FileDisk(top, "vda", "qcow2")], isRunning: isRunning);
    }
}
