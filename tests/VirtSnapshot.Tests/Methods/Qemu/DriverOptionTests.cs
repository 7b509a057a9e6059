using System.Text.Json;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Methods.Qemu;

/// <summary>Options of a disk's driver that have side effects on an overlay.</summary>
[Trait("Debian13", "yes")]
public sealed class DriverOptionTests(LabFixture lab)
{
    [Fact]
    public void Options_with_effects_on_an_overlay_are_warned_of_once_for_each_disk()
    {
        string[] disks = [Disk("vda", "copy_on_read='on'"), Disk("vdb", "detect_zeroes='on'"), BareDomain.Qcow2(lab, "options", "vdc")];
        using var domain = new BareDomain(lab, "options", disks, isRunning: false);
        BareDomain.WriteOffline(domain.Image(), 1, length: "1M");
        lab.Virsh("start", domain.Name);
        var reporter = new HeardReporter();

        var snapshots = Engine.Take(domain.Domain, reporter: reporter);

        var warnings = reporter.Warnings.Where(warning => warning.Contains("gets an overlay", StringComparison.Ordinal)).ToList();
        Assert.Contains("all that the guest reads is copied", Assert.Single(warnings, IsAbout("vda")), StringComparison.Ordinal);
        Assert.DoesNotContain(warnings, warning => IsAbout("vdc")(warning));
        Ask(domain, "vda", "read 0 1M");
        Assert.True(new FileInfo(Overlay(domain, "vda")).Length > 1 << 20);

        // libvirt 9.0 loses it, 11.3 does not.
        const string question = """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""";
        using var nodes = JsonDocument.Parse(lab.Virsh("qemu-monitor-command", domain.Name, question));
        var overlay = Overlay(domain, "vdb");
        var isLost = nodes.RootElement.GetProperty("return").EnumerateArray()
            .Where(node => node.GetProperty("drv").GetString() == "qcow2" && node.GetProperty("file").GetString() == overlay)
            .All(node => node.GetProperty("detect_zeroes").GetString() == "off");
        Assert.Equal(isLost, warnings.Exists(warning => IsAbout("vdb")(warning) && warning.Contains("detect_zeroes", StringComparison.Ordinal)));
        Engine.Remove(domain.Domain, snapshots);
    }

    [Fact]
    public void A_temporary_overlay_is_not_warned_of()
    {
        using var domain = new BareDomain(lab, "options", [Disk("vda", "copy_on_read='on'")]);
        var reporter = new HeardReporter();
        using var method = CopyMethod.Register(TimeSpan.Zero);
        Engine.Remove(domain.Domain, Engine.Take(domain.Domain, method: CopyMethod.MethodName, reporter: reporter, shield: ShieldUse.Always));

        Assert.DoesNotContain(reporter.Warnings, warning => warning.Contains("gets an overlay", StringComparison.Ordinal));
    }

    private static Predicate<string> IsAbout(string target) => warning => warning.Contains($"Disk '{target}' ", StringComparison.Ordinal);

    private static string Overlay(BareDomain domain, string target) => domain.Domain.FindDisk(target)!.Source.Path!;

    private string Disk(string target, string option) =>
        BareDomain.Qcow2(lab, "options", target).Replace("type='qcow2'/>", $"type='qcow2' {option}/>", StringComparison.Ordinal);

    private void Ask(BareDomain domain, string target, string command) =>
        lab.Virsh("qemu-monitor-command", "--hmp", domain.Name, $"qemu-io -d /machine/peripheral/virtio-disk{target[^1] - 'a'}/virtio-backend \"{command}\"");
}
