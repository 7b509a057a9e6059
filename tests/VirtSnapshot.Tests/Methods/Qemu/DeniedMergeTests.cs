using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Methods.Qemu;

/// <summary>QEMU may read an overlay's base, and not write to it: so it is under AppArmor when the guest was started on the overlay.</summary>
[Trait("Debian13", "yes")]
public sealed class DeniedMergeTests(LabFixture lab)
{
    [Fact]
    public void The_error_names_AppArmor_and_merging_works_offline()
    {
        using var domain = new BareDomain(lab, "denied");
        var snapshots = Engine.Take(domain.Domain);
        domain.Write(3);
        File.SetUnixFileMode(domain.Image(), UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);

        var error = Engine.RemovalRefused(domain.Domain, snapshots);

        Assert.Equal((FailureKind.PermissionDenied, "AccessDenied"), (error.Kind, error.ErrorId));
        Assert.Contains($"QEMU may not write to '{domain.Image()}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("AppArmor profile", error.Message, StringComparison.Ordinal);
        Assert.Contains("'virsh shutdown denied', then Remove-DiskSnapshot", error.Message, StringComparison.Ordinal);
        lab.Virsh("destroy", domain.Name);
        Engine.Remove(domain.Domain, snapshots);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Theory]
    [InlineData("9.0.0", true)]
    [InlineData("12.0.9", true)]
    [InlineData("12.1.0", false)]
    public void Only_where_a_local_rule_can_help_it_is_advised(string libvirt, bool isOverridden)
    {
        var message = LiveMerge.ExplainDenied("/images/a.qcow2", "web1", Version.Parse(libvirt));
        Assert.Equal(isOverridden, message.Contains("no local rule overrides that", StringComparison.Ordinal));
        Assert.Equal(!isOverridden, message.Contains("/etc/apparmor.d/local", StringComparison.Ordinal));
    }
}
