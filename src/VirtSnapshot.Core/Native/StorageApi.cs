using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary><c>virStoragePool*</c> and <c>virStorageVol*</c>: https://libvirt.org/html/libvirt-libvirt-storage.html</summary>
internal static unsafe partial class StorageApi
{
    private const uint CreateReflink = 2;

    public static PoolHandle LookupPool(ConnectHandle connection, string name) =>
        ErrorApi.Check(PoolLookupByName(connection, name), nameof(PoolLookupByName));

    public static PoolHandle PoolOf(VolumeHandle volume) => ErrorApi.Check(PoolLookupByVolume(volume), nameof(PoolLookupByVolume));

    public static string Xml(PoolHandle pool) => ErrorApi.Check(PoolGetXmlDesc(pool, 0), nameof(PoolGetXmlDesc));

    /// <summary>Rereads the pool's volumes.</summary>
    public static void Refresh(PoolHandle pool) => ErrorApi.Check(PoolRefresh(pool, 0), nameof(PoolRefresh));

    public static VolumeHandle LookupVolume(PoolHandle pool, string name) =>
        ErrorApi.Check(VolumeLookupByName(pool, name), nameof(VolumeLookupByName));

    public static VolumeHandle LookupVolume(ConnectHandle connection, string path) =>
        ErrorApi.Check(VolumeLookupByPath(connection, path), nameof(VolumeLookupByPath));

    /// <summary>The definitions of the volumes that libvirt lists in a pool.</summary>
    public static IReadOnlyList<string> VolumeXmls(PoolHandle pool)
    {
        var count = PoolListAllVolumes(pool, out var volumes, 0);
        ErrorApi.Check(count, nameof(PoolListAllVolumes));
        var handles = new VolumeHandle[count];
        for (var i = 0; i < count; i++)
        {
            handles[i] = new VolumeHandle(volumes[i]);
        }

        NativeText.Free((nint)volumes);
        var result = new List<string>();
        foreach (var volume in handles)
        {
            using (volume)
            {
                // A volume that was deleted after the listing has no definition.
                if (VolumeGetXmlDesc(volume, 0) is var xml && xml != 0)
                {
                    result.Add(ErrorApi.Check(xml, nameof(VolumeGetXmlDesc)));
                }
            }
        }

        return result;
    }

    public static string Path(VolumeHandle volume) => ErrorApi.Check(VolumeGetPath(volume), nameof(VolumeGetPath));

    /// <summary>libvirt's cached definition of the volume; a file's sizes and permissions are read again.</summary>
    public static string Xml(VolumeHandle volume) => ErrorApi.Check(VolumeGetXmlDesc(volume, 0), nameof(VolumeGetXmlDesc));

    public static void Create(PoolHandle pool, string xml) => ErrorApi.Check(VolumeCreateXml(pool, xml, 0), nameof(VolumeCreateXml)).Dispose();

    public static void CreateFrom(PoolHandle pool, string xml, VolumeHandle source, bool reflink) =>
        ErrorApi.Check(VolumeCreateXmlFrom(pool, xml, source, reflink ? CreateReflink : 0), nameof(VolumeCreateXmlFrom)).Dispose();

    public static void Delete(VolumeHandle volume) => ErrorApi.Check(VolumeDelete(volume, 0), nameof(VolumeDelete));

    [LibraryImport(Library.Libvirt, EntryPoint = "virStoragePoolFree")]
    internal static partial int FreePool(nint pool);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStorageVolFree")]
    internal static partial int FreeVolume(nint volume);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStoragePoolLookupByName", StringMarshalling = StringMarshalling.Utf8)]
    private static partial PoolHandle PoolLookupByName(ConnectHandle connection, string name);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStoragePoolLookupByVolume")]
    private static partial PoolHandle PoolLookupByVolume(VolumeHandle volume);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStoragePoolGetXMLDesc")]
    private static partial nint PoolGetXmlDesc(PoolHandle pool, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStoragePoolListAllVolumes")]
    private static partial int PoolListAllVolumes(PoolHandle pool, out nint* volumes, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStoragePoolRefresh")]
    private static partial int PoolRefresh(PoolHandle pool, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStorageVolLookupByName", StringMarshalling = StringMarshalling.Utf8)]
    private static partial VolumeHandle VolumeLookupByName(PoolHandle pool, string name);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStorageVolLookupByPath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial VolumeHandle VolumeLookupByPath(ConnectHandle connection, string path);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStorageVolGetPath")]
    private static partial nint VolumeGetPath(VolumeHandle volume);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStorageVolGetXMLDesc")]
    private static partial nint VolumeGetXmlDesc(VolumeHandle volume, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStorageVolCreateXML", StringMarshalling = StringMarshalling.Utf8)]
    private static partial VolumeHandle VolumeCreateXml(PoolHandle pool, string xml, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStorageVolCreateXMLFrom", StringMarshalling = StringMarshalling.Utf8)]
    private static partial VolumeHandle VolumeCreateXmlFrom(PoolHandle pool, string xml, VolumeHandle source, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virStorageVolDelete")]
    private static partial int VolumeDelete(VolumeHandle volume, uint flags);
}

/// <summary>Owns one reference to a <c>virStoragePoolPtr</c>.</summary>
internal sealed class PoolHandle(nint pointer) : LibvirtHandle(pointer)
{
    public PoolHandle()
        : this(0)
    {
    }

    protected override bool ReleaseHandle() => StorageApi.FreePool(handle) == 0;
}

/// <summary>Owns one reference to a <c>virStorageVolPtr</c>.</summary>
internal sealed class VolumeHandle(nint pointer) : LibvirtHandle(pointer)
{
    public VolumeHandle()
        : this(0)
    {
    }

    protected override bool ReleaseHandle() => StorageApi.FreeVolume(handle) == 0;
}
