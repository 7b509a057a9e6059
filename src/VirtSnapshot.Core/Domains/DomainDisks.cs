namespace VirtSnapshot.Domains;

/// <summary>Some disks of a domain.</summary>
public sealed record DomainDisks(VmDomain Domain, IReadOnlyList<VmDisk> Disks)
{
    /// <summary>The domain.</summary>
    public VmDomain Domain { get; } = Domain;

    /// <summary>Disks of it.</summary>
    public IReadOnlyList<VmDisk> Disks { get; } = Disks;
}
