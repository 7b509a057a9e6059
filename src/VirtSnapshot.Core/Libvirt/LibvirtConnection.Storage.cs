using VirtSnapshot.Native;

namespace VirtSnapshot.Libvirt;

/// <summary>libvirt's storage pools and their volumes.</summary>
internal sealed partial class LibvirtConnection
{
    public string VolumePath(string pool, string volume)
    {
        using var native = StorageApi.LookupPool(handle, pool);
        using var found = StorageApi.LookupVolume(native, volume);
        return StorageApi.Path(found);
    }

    /// <summary>The definitions of the volume with that path and of its pool; null if no active pool lists it.</summary>
    public (string Volume, string Pool)? FindVolume(string path)
    {
        try
        {
            using var volume = StorageApi.LookupVolume(handle, path);
            using var pool = StorageApi.PoolOf(volume);
            return (StorageApi.Xml(volume), StorageApi.Xml(pool));
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoStorageVolume)
        {
            return null;
        }
    }

    /// <summary>The definitions of all volumes of active pools, and of their pools.</summary>
    public IReadOnlyList<(string Volume, string Pool)> ListVolumes()
    {
        var found = new List<(string Volume, string Pool)>();
        foreach (var pool in ConnectApi.ListPools(handle))
        {
            using (pool)
            {
                var xml = StorageApi.Xml(pool);
                found.AddRange(StorageApi.VolumeXmls(pool).Select(volume => (volume, xml)));
            }
        }

        return found;
    }

    /// <summary>Refreshes a pool and checks whether it has a volume.</summary>
    public bool HasVolume(string pool, string name)
    {
        using var native = StorageApi.LookupPool(handle, pool);
        try
        {
            StorageApi.Refresh(native);
        }
        catch (LibvirtException e) when (e.Code is LibvirtErrorCode.OperationInvalid or LibvirtErrorCode.InternalError)
        {
            // A volume is being created in it, so it cannot be refreshed. libvirt's cached list is current then.
        }

        try
        {
            StorageApi.LookupVolume(native, name).Dispose();
            return true;
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoStorageVolume)
        {
            return false;
        }
    }

    public void CreateVolume(string pool, string xml)
    {
        using var native = StorageApi.LookupPool(handle, pool);
        StorageApi.Create(native, xml);
    }

    /// <param name="pool">The pool of both volumes.</param>
    /// <param name="xml">The definition of the copy.</param>
    /// <param name="source">The path of the volume to copy.</param>
    /// <param name="reflink">Whether to share the blocks; if that is impossible, the call fails.</param>
    public void CopyVolume(string pool, string xml, string source, bool reflink)
    {
        using var native = StorageApi.LookupPool(handle, pool);
        using var volume = StorageApi.LookupVolume(handle, source);
        StorageApi.CreateFrom(native, xml, volume, reflink);
    }

    /// <summary>Deletes a volume with its data.</summary>
    public void DeleteVolume(string pool, string name)
    {
        using var native = StorageApi.LookupPool(handle, pool);
        using var volume = StorageApi.LookupVolume(native, name);
        StorageApi.Delete(volume);
    }
}
