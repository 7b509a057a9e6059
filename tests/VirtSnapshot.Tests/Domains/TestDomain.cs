using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Tests.Domains;

/// <summary>Domains made of XML alone.</summary>
internal static class TestDomain
{
    public static VmDomain Of(
        string devices, DomainState state = DomainState.ShutOff, bool isActive = false, Func<string, string, string?>? volumePath = null) =>
        new($"<domain type='kvm'{(isActive ? " id='7'" : "")}><name>one</name>{devices}</domain>", volumePath ?? ((_, _) => null))
        {
            Name = "one",
            Uuid = Guid.Parse("11111111-2222-3333-4444-555555555555"),
            State = state,
            Uri = "qemu:///system",
            IsPersistent = true,
        };

    public static VmDisk Disk(string xml, Func<string, string, string?>? volumePath = null) =>
        Of($"<devices>{xml}</devices>", volumePath: volumePath).Disks.Single();
}
