using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Methods;

/// <summary>The domain that an order is about, and what it takes to work on it.</summary>
/// <param name="Native">The domain's calls.</param>
/// <param name="Domain">The domain, freshly read.</param>
/// <param name="Host">Where its hypervisor runs.</param>
internal record RecordOrder(LibvirtDomain Native, VmDomain Domain, IHost Host);
