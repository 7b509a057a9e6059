using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>The domain that a method works on, and the host of its hypervisor.</summary>
public record MethodRequest
{
    private (VmDomain Now, IReadOnlyList<VmDisk> Disks)? stored;

    internal MethodRequest(LibvirtDomain native, VmDomain domain, IHost host)
    {
        Native = native;
        Domain = domain;
        Host = host;
    }

    /// <summary>The domain as it was just read.</summary>
    public VmDomain Domain { get; internal init; }

    /// <summary>The host of its hypervisor.</summary>
    public IHost Host { get; internal init; }

    /// <summary>libvirt's calls for the domain.</summary>
    internal LibvirtDomain Native { get; init; }

    /// <summary>Whether two paths of the host are the same file or device. If neither exists, only the paths are compared.</summary>
    public bool IsSameFile(string path, string other) => path == other
        || (Host.WhyNoShell is null && Host.Stat(path, followLink: true) is { } facts && Host.Stat(other, followLink: true)?.IsSameFileAs(facts) == true);

    /// <summary>Whether a source is only a reference to a volume of a running pool, and has that path.</summary>
    /// <exception cref="LibvirtException">The connection is lost.</exception>
    public bool IsVolumeAt(DiskSource source, string? path)
    {
        if (source.Type != DiskSourceType.Volume || path is null || SafeXml.Parse(source.Xml) is not { HasElements: false } xml
            || xml.Attributes().Any(attribute => attribute.Name.LocalName is not ("pool" or "volume" or "mode" or "startupPolicy")))
        {
            return false;
        }

        try
        {
            return Native.Connection.VolumePath((string?)xml.Attribute("pool") ?? "", (string?)xml.Attribute("volume") ?? "") == path;
        }
        catch (LibvirtException e) when (!e.ConnectionLost)
        {
            return false;
        }
    }

    /// <summary>A disk of the domain, or of its stored definition if it was detached only from the live one.</summary>
    public VmDisk? FindDisk(string target) => Domain.FindDisk(target) ?? (Domain is { IsActive: true, IsPersistent: true }
        ? ReadStoredDisks().FirstOrDefault(disk => disk.Target == target)
        : null);

    /// <summary>
    /// The disks of the stored definition, without the methods that are configured for them. They are read once: thousands of records may be of disks that the
    /// running domain does not have.
    /// </summary>
    internal IReadOnlyList<VmDisk> ReadStoredDisks()
    {
        if (stored?.Now != Domain)
        {
            stored = (Domain, DomainReader.ReadStored(Native, Domain).PlainDisks);
        }

        return stored.Value.Disks;
    }

    /// <summary>The layers of a disk that <see cref="FindDisk"/> has found; if only libvirt reaches the host, those in the definition.</summary>
    public IReadOnlyList<DiskSource> ChainOf(VmDisk disk) => Host.WhyNoShell is not null ? [disk.Source, .. disk.BackingChain]
        : Domain.FindDisk(disk.Target) is null ? ImageChain.OfStored(Host, disk)
        : ImageChain.Of(Host, Domain, disk);
}
