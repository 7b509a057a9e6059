namespace VirtSnapshot.Domains;

/// <summary>Some disks of a domain.</summary>
/// <param name="Domain">The domain.</param>
/// <param name="Disks">Disks of it.</param>
public sealed record DomainDisks(VmDomain Domain, IReadOnlyList<VmDisk> Disks);
