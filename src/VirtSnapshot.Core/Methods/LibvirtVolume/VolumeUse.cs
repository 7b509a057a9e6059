using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>Who stands on a volume, as far as libvirt alone can tell: disks of domains, and volumes of running pools.</summary>
internal static class VolumeUse
{
    /// <summary>A disk of any domain, in its running or its stored definition; null where there is none.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="path">The volume's path on the host.</param>
    /// <param name="isExpected">Disks that may.</param>
    public static string? FindDisk(LibvirtConnection connection, string path, Predicate<VmDisk>? isExpected = null)
    {
        foreach (var native in connection.ListDomains())
        {
            using (native)
            {
                try
                {
                    var current = DomainReader.Read(native);
                    VmDomain[] definitions = current is { IsActive: true, IsPersistent: true } ? [current, DomainReader.ReadStored(native, current)] : [current];
                    if (definitions
                            .SelectMany(domain => domain.PlainDisks)
                            .FirstOrDefault(disk => disk.BackingChain.Prepend(disk.Source).Any(layer => IsSame(connection, layer.Path, path)) && isExpected?.Invoke(disk) != true) is { } disk)
                    {
                        return $"disk '{disk.Target}' of domain '{disk.Domain}'";
                    }
                }
                catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomain)
                {
                    // Undefined or gone since it was listed.
                }
            }
        }

        return null;
    }

    /// <summary>Images that back on it, LVM snapshots of it.</summary>
    public static IReadOnlyList<PoolVolume> FindVolumes(LibvirtConnection connection, string path) =>
        [.. PoolVolume.FindAll(connection).Where(volume => volume.Backing == path)];

    /// <summary>A device has many names, and libvirt knows which of its volumes each is.</summary>
    public static bool IsSame(LibvirtConnection connection, string? layer, string path)
    {
        const string devices = "/dev/";
        return layer == path
            || (layer?.StartsWith(devices, StringComparison.Ordinal) == true && path.StartsWith(devices, StringComparison.Ordinal) && PoolVolume.Find(connection, layer)?.Path == path);
    }
}
