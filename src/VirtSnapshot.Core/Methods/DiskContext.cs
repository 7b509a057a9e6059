using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>A disk for which a method is looked for. What lies under it is looked at only when a method asks.</summary>
internal sealed class DiskContext(VmDomain domain, VmDisk disk, StorageProbe storage)
{
    public VmDomain Domain => domain;

    public VmDisk Disk => disk;

    /// <summary>Why nothing but libvirt leads to its host; null where its files and programs can be reached.</summary>
    public string? WhyNoShell => storage.Host.WhyNoShell;

    /// <summary>Whether only a secret of libvirt opens it, or a layer that it stands on.</summary>
    public bool IsEncrypted => disk.IsEncrypted || (!domain.IsActive && storage.HasEncryptedImage(disk));

    /// <exception cref="VirtSnapshotException">The host's storage cannot be looked at.</exception>
    public StorageStack Stack => storage.StackOf(disk);
}
