using System.Diagnostics;
using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>A merge changes the base and takes the overlay away: not while somebody else needs either.</summary>
public class SharedSourceTests(LabFixture lab)
{
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public void Not_while_a_clone_s_domain_stands_on_the_base(bool isRunning, bool isCloneRunning)
    {
        using var domain = new BareDomain(lab, "origin", isRunning: isRunning);
        var snapshot = Assert.Single(Engine.Take(domain.Domain));
        using var clone = new BareDomain(lab, "cloned", [Clone(domain.Image(), "cloned")], isRunning: isCloneRunning);
        AssertRefused(domain, snapshot, "SourceShared", "domain 'cloned'");
        clone.Dispose();
        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void Not_while_another_domain_uses_the_base_itself()
    {
        using var domain = new BareDomain(lab, "origin");
        var snapshot = Assert.Single(Engine.Take(domain.Domain));
        using var other = new BareDomain(
            lab, "other", [BareDomain.FileDisk(domain.Image(), "vda", "qcow2", "<readonly/>")], isRunning: false);
        AssertRefused(domain, snapshot, "SourceShared", "domain 'other'");
        other.Dispose();
        Engine.Remove(domain.Domain, snapshot);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Not_while_an_image_beside_it_backs_on_the_overlay_or_the_base(bool onOverlay)
    {
        using var domain = new BareDomain(lab, "origin");
        var snapshot = Assert.Single(Engine.Take(domain.Domain));
        var image = Path.Combine(lab.Images, "origin-lonely.qcow2");
        var needed = onOverlay ? snapshot.ModifiedDisk!.Source.Path! : domain.Image();
        LabScript.RunProgram("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", Path.GetFileName(needed), "-F", "qcow2", image, "8M");
        AssertRefused(domain, snapshot, "SourceShared", image);
        File.Delete(image);
        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Theory]
    [InlineData(true, "sh", "-c", "exec sleep 120 <\"$0\"")]
    [InlineData(false, "sh", "-c", "exec sleep 120 <\"$0\"")]
    [InlineData(true, "qemu-io", "-r", "-fqcow2")]
    [InlineData(false, "qemu-io", "-r", "-fqcow2")]
    public void Not_while_somebody_reads_the_base(bool isRunning, string program, string first, string second)
    {
        using var domain = new BareDomain(lab, "origin", isRunning: isRunning);
        var snapshot = Assert.Single(Engine.Take(domain.Domain));
        var content = ImageDigest.Of(snapshot.BackupSource);
        using (var reader = Process.Start(new ProcessStartInfo(program, [first, second, domain.Image()]) { RedirectStandardInput = true,
            RedirectStandardOutput = true })!)
        {
            Assert.True(SpinWait.SpinUntil(
                () => new VirtSnapshot.Hosts.LocalHost(domain.Domain.Uri).ReadOpenFiles().FindUsers(domain.Image(), domain.Domain.Uuid)
                    .Any(user => user.ProcessId == reader.Id), 10_000));
            AssertRefused(domain, snapshot, "SourceInUse", $"(process {reader.Id})");
            Assert.Equal(content, ImageDigest.Of(snapshot.BackupSource));
            reader.Kill();
            reader.WaitForExit();
        }

        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
    }

    private string Clone(string image, string name)
    {
        var path = Path.Combine(lab.Images, $"{name}-vda.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", path);
        return BareDomain.FileDisk(path, "vda", "qcow2");
    }

    private static void AssertRefused(BareDomain domain, DiskSnapshot snapshot, string errorId, string names)
    {
        var xml = domain.Domain.Xml;
        var error = Engine.RemovalRefused(domain.Domain, snapshot);
        Assert.Equal((FailureKind.ResourceBusy, errorId), (error.Kind, error.ErrorId));
        Assert.Contains(names, error.Message, StringComparison.Ordinal);
        Assert.Equal(xml, domain.Domain.Xml);
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
    }
}
