using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Domains;

/// <summary>Reads domains from libvirt.</summary>
internal static class DomainReader
{
    public static VmDomain Read(LibvirtDomain native)
    {
        var xml = native.CurrentXml();
        var (state, paused) = native.StateAndReason;
        return new VmDomain(xml, VolumePaths(native.Connection.Uri))
        {
            Name = native.Name,
            Uuid = native.Uuid,
            Id = native.Id,
            State = state,
            PauseReason = paused,
            Uri = native.Connection.Uri,
            IsPersistent = native.IsPersistent,
        };
    }

    /// <summary>Reads a domain's stored definition. The other properties are copied from <paramref name="now"/>.</summary>
    public static VmDomain ReadStored(LibvirtDomain native, VmDomain now) => new(native.StoredXml(), VolumePaths(now.Uri))
    {
        Name = now.Name,
        Uuid = now.Uuid,
        State = now.State,
        PauseReason = now.PauseReason,
        Uri = now.Uri,
        IsPersistent = now.IsPersistent,
    };

    /// <summary>Resolves volumes to paths. Each call rents a connection, since the domain object may outlive the connection it was read with.</summary>
    public static Func<string, string, string?> VolumePaths(string uri) => (pool, volume) =>
    {
        try
        {
            using var rented = ConnectionPool.Rent(uri);
            return rented.Connection.VolumePath(pool, volume);
        }
        catch (LibvirtException)
        {
            // An inactive pool has no paths. The disk is shown with its pool and volume.
            return null;
        }
    };
}
