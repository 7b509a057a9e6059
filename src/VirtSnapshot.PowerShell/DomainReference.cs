using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Storage;

namespace VirtSnapshot.PowerShell;

/// <summary>
/// What may stand for a domain on a command line or in a pipeline: its name (with wildcards) or UUID, the domain itself, or
/// something of it. PowerShell converts to it by these constructors, so that an object keeps its URI and its UUID.
/// </summary>
public sealed class DomainReference
{
    /// <summary>A name, a wildcard pattern or a UUID.</summary>
    public DomainReference(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        Name = name;
    }

    /// <summary>A UUID.</summary>
    public DomainReference(Guid uuid) => Name = uuid.ToString();

    /// <summary>A domain.</summary>
    public DomainReference(VmDomain domain)
    {
        ArgumentNullException.ThrowIfNull(domain);
        (Name, Uri) = (domain.Uuid.ToString(), domain.Uri);
    }

    /// <summary>A disk, and the domain it belongs to.</summary>
    public DomainReference(VmDisk disk)
    {
        ArgumentNullException.ThrowIfNull(disk);
        (Name, Uri, Disk) = (disk.DomainUuid.ToString(), disk.Uri, disk.Target);
    }

    /// <summary>The disk that a snapshot is of, and the domain it belongs to.</summary>
    public DomainReference(DiskSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        (Name, Uri, Disk, Snapshot) = (snapshot.DomainUuid.ToString(), snapshot.Uri, snapshot.Disk, snapshot);
    }

    /// <summary>The disk that a setting is of, and the domain it belongs to.</summary>
    public DomainReference(DiskMethodSetting setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        (Name, Uri, Disk) = (setting.Domain, setting.Uri, setting.Disk);
    }

    /// <summary>The disk that a method could snapshot, and the domain it belongs to.</summary>
    public DomainReference(DiskMethodOption option)
    {
        ArgumentNullException.ThrowIfNull(option);
        (Name, Uri, Disk) = (option.Domain, option.Uri, option.Disk);
    }

    /// <summary>The disk that a storage stack is of, and the domain it belongs to.</summary>
    public DomainReference(StorageStack stack)
    {
        ArgumentNullException.ThrowIfNull(stack);
        (Name, Uri, Disk) = (stack.Domain, stack.Uri, stack.Disk);
    }

    /// <summary>The name, the pattern or the UUID.</summary>
    public string Name { get; }

    /// <summary>The libvirt URI; null for a name, which does not tell.</summary>
    internal string? Uri { get; }

    /// <summary>The disk's target; null where the whole domain is meant.</summary>
    internal string? Disk { get; }

    /// <summary>The snapshot, where one is meant.</summary>
    internal DiskSnapshot? Snapshot { get; }

    /// <inheritdoc/>
    public override string ToString() => Disk is null ? Name : $"{Name}/{Disk}";
}
