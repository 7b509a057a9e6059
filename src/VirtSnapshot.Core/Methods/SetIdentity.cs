using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;

namespace VirtSnapshot.Methods;

/// <summary>
/// The identity of a set and its domain. The objects of a set in the storage (file and volume names, tags, properties, marks in image headers) contain the
/// <see cref="Group"/>, which is a hash over the domain's UUID. A record in another domain's metadata cannot claim them, because it is infeasible to find a
/// <paramref name="Nonce"/> that gives the same hash with another UUID.
/// </summary>
public sealed record SetIdentity(Guid Domain, Guid Nonce, Guid Group, SnapshotName Name)
{
    /// <summary>The UUID of the domain that the set was taken of.</summary>
    public Guid Domain { get; internal init; } = Domain;

    /// <summary>A random number.</summary>
    public Guid Nonce { get; internal init; } = Nonce;

    /// <summary>The set's identity.</summary>
    public Guid Group { get; internal init; } = Group;

    /// <summary>The snapshot's name.</summary>
    public SnapshotName Name { get; internal init; } = Name;

    internal static SetIdentity New(Guid domain, SnapshotName name)
    {
        var nonce = Guid.NewGuid();
        return new SetIdentity(domain, nonce, Derive(domain, nonce), name);
    }

    /// <summary>The identity in an element that has the attributes of <see cref="ToAttributes"/>.</summary>
    /// <returns>Null if the element has no identity.</returns>
    /// <exception cref="FormatException">It is damaged.</exception>
    /// <exception cref="VirtSnapshotException"><c>InvalidSnapshotName</c></exception>
    internal static SetIdentity? Read(XElement element) => element.Attribute("domain") is null || element.Attribute("nonce") is null
        ? null
        : new SetIdentity(Id("domain", element), Id("nonce", element), Id("group", element), SnapshotName.Parse((string?)element.Attribute("name") ?? ""));

    internal IEnumerable<XAttribute> ToAttributes() =>
    [
        new("group", Group.ToString("D")),
        new("name", Name.ToString()),
        new("domain", Domain.ToString("D")),
        new("nonce", Nonce.ToString("D")),
    ];

    /// <summary>Why a record with this identity does not belong to a domain; null if it does.</summary>
    public string? WhyNotOf(Guid domain) => Domain != domain
        ? $"it was taken of the domain with UUID {Domain:D}, of which this one may be a clone"
        : Group != Derive(Domain, Nonce) ? "its identity is not one that VirtSnapshot gives to snapshots of this domain" : null;

    private static Guid Derive(Guid domain, Guid nonce) =>
        new(SHA256.HashData(Encoding.ASCII.GetBytes($"virtsnapshot {domain:D} {nonce:D}")).AsSpan(0, 16));

    private static Guid Id(string name, XElement element) => Guid.Parse((string?)element.Attribute(name) ?? "");
}
