using VirtSnapshot.Domains;

namespace VirtSnapshot.PowerShell;

/// <summary>Finds domains of several URIs. A URI that cannot be reached is one error, and the others are still searched.</summary>
internal sealed class DomainSearch(IReadOnlyList<string> uris, Action<VirtSnapshotException> fail, CancellationToken cancellation)
{
    /// <summary>Each domain once.</summary>
    /// <param name="references">The wanted domains; null for all. An empty list is none.</param>
    public IEnumerable<VmDomain> Find(IReadOnlyList<DomainReference>? references)
    {
        var seen = new HashSet<(string, Guid)>();
        var missing = new Dictionary<DomainReference, VirtSnapshotException>();
        var found = new HashSet<DomainReference>();
        var unreachable = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (uri, reference) in Places(references))
        {
            if (unreachable.Contains(uri))
            {
                continue;
            }

            foreach (var domain in FindAt(uri, reference, Fail))
            {
                if (reference is not null)
                {
                    found.Add(reference);
                }

                if (seen.Add((domain.Uri, domain.Uuid)))
                {
                    yield return domain;
                }
            }

            void Fail(VirtSnapshotException e)
            {
                if (e.Kind == FailureKind.ObjectNotFound && reference is not null)
                {
                    missing.TryAdd(reference, e);
                    return;
                }

                // If one domain does not respond, the others of its URI may.
                if (e.ErrorId != "DomainNotResponding")
                {
                    unreachable.Add(uri);
                }

                fail(e);
            }
        }

        // It is enough if a name exists at one of the URIs.
        foreach (var (reference, e) in missing)
        {
            if (!found.Contains(reference))
            {
                fail(e);
            }
        }
    }

    private IEnumerable<(string Uri, DomainReference? Reference)> Places(IReadOnlyList<DomainReference>? references) => references is null
        ? uris.Select(uri => (uri, (DomainReference?)null))
        : references.SelectMany(reference => (reference.Uri is { } own ? [own] : uris).Select(uri => (uri, (DomainReference?)reference)));

    private IEnumerable<VmDomain> FindAt(string uri, DomainReference? reference, Action<VirtSnapshotException> failAt)
    {
        using var domains = Enumerate(uri, reference, failAt).GetEnumerator();
        while (true)
        {
            try
            {
                if (!domains.MoveNext())
                {
                    yield break;
                }
            }
            catch (VirtSnapshotException e)
            {
                failAt(e);
                yield break;
            }

            yield return domains.Current;
        }
    }

    private IEnumerable<VmDomain> Enumerate(string uri, DomainReference? reference, Action<VirtSnapshotException> failAt)
    {
        if (reference is null)
        {
            return DomainFinder.FindAll(uri, null, failAt, cancellation);
        }

        return reference.Pattern is { } pattern
            ? DomainFinder.FindAll(uri, pattern, failAt, cancellation)
            : One(uri, reference);
    }

    /// <summary>An iterator, so that its errors occur during enumeration, as for the other branch.</summary>
    private IEnumerable<VmDomain> One(string uri, DomainReference reference)
    {
        yield return reference.Uuid is { } uuid ? DomainFinder.FindOne(uri, uuid, cancellation) : DomainFinder.FindOne(uri, reference.Name, cancellation);
    }
}
