using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Domains;

/// <summary>Reads domains from libvirt.</summary>
internal static class DomainReader
{
    public static VmDomain Read(LibvirtDomain native) => Read(native, native.CurrentXml());

    public static VmDomain ReadStored(LibvirtDomain native) => Read(native, native.StoredXml());

    private static VmDomain Read(LibvirtDomain native, string xml) => new(xml, VolumePaths(native.Connection.Uri))
    {
        Name = native.Name,
        Uuid = native.Uuid,
        Id = native.Id,
        State = native.State,
        Uri = native.Connection.Uri,
        IsPersistent = native.IsPersistent,
    };

    /// <summary>Asked through the pool, not through a connection held on to: the object may outlive it.</summary>
    private static Func<string, string, string?> VolumePaths(string uri) => (pool, volume) =>
    {
        try
        {
            return ConnectionPool.Get(uri).VolumePath(pool, volume);
        }
        catch (LibvirtException)
        {
            // A pool that is not running has no paths to tell; the disk is shown with its pool and volume.
            return null;
        }
    };
}
