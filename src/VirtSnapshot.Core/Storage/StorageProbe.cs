using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Storage;

/// <summary>Looks at what lies under disks of one host: under all of them at once, and only when the first is asked for.</summary>
internal sealed class StorageProbe(Func<IHost> host, IReadOnlyList<VmDisk> disks)
{
    private readonly Lazy<IReadOnlyDictionary<(Guid Domain, string Target), StorageStack>> stacks = new(() => Read(host(), disks));

    /// <exception cref="VirtSnapshotException">The host cannot be reached or looked at.</exception>
    public StorageStack StackOf(VmDisk disk) => stacks.Value[(disk.DomainUuid, disk.Target)];

    private static IReadOnlyDictionary<(Guid Domain, string Target), StorageStack> Read(IHost host, IReadOnlyList<VmDisk> disks) =>
        throw new NotImplementedException($"{host.Name} {disks.Count}");
}
