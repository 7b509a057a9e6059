using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

public class MethodSettingsTests(LabFixture lab)
{
    private const string Element = "<diskSnapshot method='qemu' hint='a &lt; b'><!-- why --><x:size xmlns:x='urn:x' unit='MiB'>5</x:size><plain><deep/></plain></diskSnapshot>";

    [Fact]
    public void A_method_is_kept_through_restarts_of_the_domain_and_of_libvirtd()
    {
        using var domain = new BareDomain(lab, "methods", [BareDomain.Qcow2(lab, "methods", "vda"), BareDomain.Qcow2(lab, "methods", "vdb")]);
        var set = Assert.Single(Engine.Settings.Set(domain.Domain, Disks("vda"), DiskSnapshotMethod.Parse(Element)));
        Assert.Equal(("vda", "qemu", false), (set.Disk, set.Method, set.IsDefault));
        AssertKept(domain);
        AssertKept(DomainFinder.FindOne(lab.Uri, domain.Name, TestContext.Current.CancellationToken));

        lab.Virsh("destroy", domain.Name);
        AssertKept(domain);
        lab.Virsh("start", domain.Name);
        AssertKept(domain);
        lab.RestartDaemon();
        AssertKept(domain);

        var reset = Assert.Single(Engine.Settings.Reset(domain.Domain, Disks("vda")));
        Assert.Equal(("qemu", true), (reset.Method, reset.IsDefault));
        Assert.DoesNotContain("urn:virtsnapshot", lab.Virsh("dumpxml", domain.Name), StringComparison.Ordinal);
        Assert.DoesNotContain("urn:virtsnapshot", lab.Virsh("dumpxml", "--inactive", domain.Name), StringComparison.Ordinal);
        Engine.Settings.Reset(domain.Domain, Disks("vda"));
    }

    [Fact]
    public void A_transient_domain_keeps_it_as_long_as_it_runs()
    {
        using var domain = new BareDomain(lab, "methods", isTransient: true);
        Engine.Settings.Set(domain.Domain, Disks("*"), DiskSnapshotMethod.Parse(Element));
        AssertKept(domain);
        Engine.Settings.Reset(domain.Domain, []);
        Assert.Null(domain.Domain.FindDisk("vda")!.Method);
    }

    [Fact]
    public void An_image_that_is_missing_is_said_to_be_missing()
    {
        using var domain = new BareDomain(lab, "methods", isRunning: false);
        var path = domain.Domain.Disks[0].Source.Path!;
        File.Delete(path);
        var options = Engine.Settings.GetOptions([new DomainDisks(domain.Domain, domain.Domain.Disks)]);
        var reasons = options.ToDictionary(option => option.Method!, option => option.Reason);
        Assert.All(
            ["btrfs", "lvm", "lvm-thin", "reflink", "zfs"],
            method => Assert.Contains($"'{path}' does not exist on the host", reasons[method], StringComparison.Ordinal));
        Assert.Equal("SourceMissing", Engine.Refused(() => Engine.Take(domain.Domain)).ErrorId);
    }

    [Fact]
    public void The_configured_method_is_used_and_one_asked_for_goes_before_it()
    {
        using var domain = new BareDomain(lab, "methods", isRunning: false);
        Engine.Settings.Set(domain.Domain, Disks("vda"), DiskSnapshotMethod.Parse("qemu"));
        var details = new HeardReporter();
        Engine.Remove(domain.Domain, Engine.Take(domain.Domain, reporter: details));
        Assert.Contains(details.Details, detail => detail.Contains("configured for this disk", StringComparison.Ordinal));
        Assert.Equal("MethodUnknown", Engine.Refused(() => Engine.Take(domain.Domain, method: "no-such")).ErrorId);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void An_unknown_method_a_disk_that_is_not_there_or_that_it_cannot_serve_changes_nothing()
    {
        using var domain = new BareDomain(
            lab, "methods", [BareDomain.Qcow2(lab, "methods", "vda"), "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"],
                isRunning: false);
        Assert.Equal("MethodUnknown", Engine.Refused(() => Set("vda", "lvm-nope")).ErrorId);
        Assert.Equal("DiskNotFound", Engine.Refused(() => Set("vdz", "qemu")).ErrorId);
        Assert.Equal("MethodUnsuitable", Engine.Refused(() => Engine.Settings.Set(domain.Domain, [], DiskSnapshotMethod.Parse("qemu"))).ErrorId);
        Assert.DoesNotContain("urn:virtsnapshot", lab.Virsh("dumpxml", domain.Name), StringComparison.Ordinal);

        var settings = Engine.Settings.Get([new DomainDisks(domain.Domain, domain.Domain.Disks)]);
        Assert.Equal([("vda", "qemu"), ("sda", null)], settings.Select(setting => (setting.Disk, setting.Method)));
        Assert.Contains("cdrom", settings[1].Reason, StringComparison.Ordinal);

        void Set(string disk, string method) => Engine.Settings.Set(domain.Domain, Disks(disk), DiskSnapshotMethod.Parse(method));
    }

    [Fact]
    public void Every_method_says_what_it_could_do_and_the_one_that_would_be_taken_comes_first()
    {
        using var domain = new BareDomain(
            lab,
            "methods",
            [BareDomain.Qcow2(lab, "methods", "vda"), BareDomain.Qcow2(lab, "methods", "vdb"),
                "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"],
            isRunning: false);
        Engine.Settings.Set(domain.Domain, Disks("vdb"), DiskSnapshotMethod.Parse("qemu"));
        var options = Engine.Settings.GetOptions([new DomainDisks(domain.Domain, domain.Domain.Disks)]).GroupBy(option => option.Disk).ToList();
        Assert.Equal(["vda", "vdb", "sda"], options.Select(disk => disk.Key));
        Assert.All(options.SelectMany(disk => disk), option => Assert.EndsWith(".", option.Reason, StringComparison.Ordinal));
        foreach (var (disk, reason) in new[] { (options[0], "Used by default: "), (options[1], "Configured for this disk: ") })
        {
            Assert.Equal(Engine.Current.Methods.Methods.Select(method => method.Name).Order(), disk.Select(option => option.Method).Order());
            Assert.Equal(("qemu", true, true), (disk.First().Method, disk.First().IsChosen, disk.First().CanServe));
            Assert.StartsWith(reason, disk.First().Reason, StringComparison.Ordinal);
            Assert.All(disk.Skip(1), option => Assert.False(option.IsChosen));
        }

        var cdrom = Assert.Single(options[2]);
        Assert.Equal((null, null, false, false, "No method can snapshot it: it is a cdrom."),
            (cdrom.Method, cdrom.Level, cdrom.IsChosen, cdrom.CanServe, cdrom.Reason));
    }

    private static DiskSelector[] Disks(string text) => [DiskSelector.Parse(text)];

    private static void AssertKept(BareDomain domain) => AssertKept(domain.Domain);

    private static void AssertKept(VmDomain domain)
    {
        var method = XElement.Parse(domain.FindDisk("vda")!.Method!.Xml);
        Assert.True(XNode.DeepEquals(Normal(XElement.Parse(Element)), Normal(method)), method.ToString());
        Assert.Null(domain.FindDisk("vdb")?.Method);
    }

    /// <summary>White space between elements may change, and so may prefixes.</summary>
    private static XElement Normal(XElement element)
    {
        var copy = XElement.Parse(element.ToString());
        copy.DescendantNodes().OfType<XText>().Where(text => string.IsNullOrWhiteSpace(text.Value)).Remove();
        copy.DescendantsAndSelf().Attributes().Where(attribute => attribute.IsNamespaceDeclaration).Remove();
        return copy;
    }
}
