namespace VirtSnapshot.Libvirt;

/// <summary>Where the memory of a shut-off domain is saved.</summary>
internal enum SavedMemory
{
    /// <summary>libvirt's managed save: the next start continues from it.</summary>
    Managed,

    /// <summary>A file of <c>virsh save</c>. libvirtd knows this only until it is restarted.</summary>
    File,
}
