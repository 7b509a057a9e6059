using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>A disk that a method is chosen for. What lies under it is read only when a method asks for it.</summary>
public sealed class DiskContext
{
    private readonly StorageProbe storage;

    internal DiskContext(VmDomain domain, VmDisk disk, StorageProbe storage)
    {
        Domain = domain;
        Disk = disk;
        this.storage = storage;
    }

    /// <summary>The domain.</summary>
    public VmDomain Domain { get; }

    /// <summary>The disk.</summary>
    public VmDisk Disk { get; }

    /// <summary>Why only libvirt reaches the host, as a clause for a message; null if its files and programs are accessible.</summary>
    public string? WhyNoShell => storage.Host.WhyNoShell;

    /// <summary>Whether it, or a layer under it, can only be opened with a secret of libvirt.</summary>
    public bool IsEncrypted => Disk.IsEncrypted || (!Domain.IsActive && storage.HasEncryptedImage(Disk));

    /// <summary>The layers under the disk.</summary>
    /// <exception cref="VirtSnapshotException">The host's storage cannot be read.</exception>
    public StorageStack Stack => storage.StackOf(Disk);
}
