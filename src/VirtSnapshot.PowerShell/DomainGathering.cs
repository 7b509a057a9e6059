using VirtSnapshot.Domains;

namespace VirtSnapshot.PowerShell;

/// <summary>What a pipeline has brought, together by domain: what belongs together is done together.</summary>
/// <typeparam name="T">What is gathered for each domain.</typeparam>
internal sealed class DomainGathering<T>
{
    private readonly Dictionary<(string Uri, Guid Uuid), (VmDomain Domain, List<T> Items)> byDomain = [];

    /// <summary>The domains in the order in which they came.</summary>
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
