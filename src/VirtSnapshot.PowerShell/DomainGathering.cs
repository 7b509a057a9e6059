using VirtSnapshot.Domains;

namespace VirtSnapshot.PowerShell;

/// <summary>Groups the input of a pipeline by domain, so that a domain's items are processed together.</summary>
/// <typeparam name="T">The type of the items.</typeparam>
internal sealed class DomainGathering<T>
{
    private readonly Dictionary<(string Uri, Guid Uuid), (VmDomain Domain, List<T> Items)> byDomain = [];

    /// <summary>The domains in the order of their arrival.</summary>
    public IEnumerable<(VmDomain Domain, IReadOnlyList<T> Items)> Domains =>
        byDomain.Values.Select(gathered => (gathered.Domain, (IReadOnlyList<T>)gathered.Items));

    public void Add(VmDomain domain, IEnumerable<T> items)
    {
        if (!byDomain.TryGetValue((domain.Uri, domain.Uuid), out var gathered))
        {
            gathered = (domain, []);
            byDomain.Add((domain.Uri, domain.Uuid), gathered);
        }

        gathered.Items.AddRange(items);
    }
}
