using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>The users of a volume that libvirt lists: disks of domains, and volumes of running pools.</summary>
internal static class VolumeUse
{
    /// <summary>A disk of any domain, in its running or stored definition, that uses the volume; null where there is none.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="path">The volume's path on the host.</param>
    /// <param name="isExpected">Disks that may use it.</param>
    public static string? FindDisk(LibvirtConnection connection, string path, Predicate<VmDisk>? isExpected = null)
    {
        foreach (var native in connection.ListDomains())
        {
            using (native)
            {
                try
                {
                    var current = DomainReader.Read(native);
                    VmDomain[] definitions = current is { IsActive: true, IsPersistent: true }
                        ? [current, DomainReader.ReadStored(native, current)]
                        : [current];
                    var user = definitions
                        .SelectMany(domain => domain.PlainDisks)
                        .Where(disk => disk.BackingChain.Prepend(disk.Source).Any(layer => IsSame(connection, layer.Path, path)))
                        .FirstOrDefault(disk => isExpected?.Invoke(disk) != true);
                    if (user is { } disk)
                    {
                        return $"disk '{disk.Target}' of domain '{disk.Domain}'";
                    }
                }
                catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomain)
                {
                    // Undefined or stopped since it was listed.
                }
            }
        }

        return null;
    }

    /// <summary>Overlays and LVM snapshots of it.</summary>
    public static IReadOnlyList<PoolVolume> FindVolumes(LibvirtConnection connection, string path) =>
        [.. PoolVolume.FindAll(connection).Where(volume => volume.Backing == path)];

    /// <summary>Compares paths. A device has several; libvirt resolves them to its volumes.</summary>
    public static bool IsSame(LibvirtConnection connection, string? layer, string path)
    {
        const string devices = "/dev/";
        return layer == path
            || (layer?.StartsWith(devices, StringComparison.Ordinal) == true
                && path.StartsWith(devices, StringComparison.Ordinal)
                && PoolVolume.Find(connection, layer)?.Path == path);
    }
}
