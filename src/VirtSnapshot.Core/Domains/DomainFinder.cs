using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Domains;

/// <summary>Finds domains by name, wildcard or UUID.</summary>
public static class DomainFinder
{
    /// <summary>The URI where none is given: <c>LIBVIRT_DEFAULT_URI</c>, as for libvirt's own tools, else the system's QEMU.</summary>
    public static string DefaultUri => Environment.GetEnvironmentVariable("LIBVIRT_DEFAULT_URI") is { Length: > 0 } uri ? uri : "qemu:///system";

    /// <summary>All domains behind a URI whose name fits, in the order of their names.</summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="pattern">The pattern; null for all.</param>
    /// <param name="cancellation">Ends the waiting for libvirt.</param>
    /// <exception cref="VirtSnapshotException"><c>LibvirtUnreachable</c> or <c>AccessDenied</c>.</exception>
    public static IEnumerable<VmDomain> FindAll(string uri, Wildcard? pattern, CancellationToken cancellation)
    {
        using var rented = Rent(uri, cancellation);
        IReadOnlyList<LibvirtDomain> found;
        try
        {
            found = rented.Connection.ListDomains();
        }
        catch (LibvirtException e)
        {
            throw Unreachable(uri, e);
        }

        var wanted = found
            .Select(native => (Native: native, native.Name))
            .Where(domain => pattern is null || pattern.Matches(domain.Name))
            .OrderBy(domain => domain.Name, StringComparer.Ordinal);
        try
        {
            foreach (var (native, _) in wanted)
            {
                cancellation.ThrowIfCancellationRequested();
                if (TryRead(native, uri) is { } domain)
                {
                    yield return domain;
                }
            }
        }
        finally
        {
            foreach (var native in found)
            {
                native.Dispose();
            }
        }
    }

    /// <summary>The domain of exactly this name or UUID.</summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="nameOrUuid">The name; a UUID where no domain has it as its name.</param>
    /// <param name="cancellation">Ends the waiting for libvirt.</param>
    /// <exception cref="VirtSnapshotException"><c>DomainNotFound</c>, <c>LibvirtUnreachable</c> or <c>AccessDenied</c>.</exception>
    public static VmDomain FindOne(string uri, string nameOrUuid, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(nameOrUuid);
        return FindOne(uri, nameOrUuid, connection => LookUp(connection, nameOrUuid), cancellation);
    }

    /// <summary>The domain of exactly this UUID, and not one that has it as its name.</summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="uuid">The UUID.</param>
    /// <param name="cancellation">Ends the waiting for libvirt.</param>
    /// <exception cref="VirtSnapshotException"><c>DomainNotFound</c>, <c>LibvirtUnreachable</c> or <c>AccessDenied</c>.</exception>
    public static VmDomain FindOne(string uri, Guid uuid, CancellationToken cancellation) =>
        FindOne(uri, uuid.ToString(), connection => connection.LookupByUuid(uuid), cancellation);

    /// <summary>The domain's calls, through a connection that works now and is the caller's alone.</summary>
    internal static LibvirtDomain Open(VmDomain domain, CancellationToken cancellation = default)
    {
        var rented = Rent(domain.Uri, cancellation);
        try
        {
            return rented.Connection.LookupByUuid(domain.Uuid, rented);
        }
        catch (LibvirtException e)
        {
            rented.Dispose();
            throw e.Code == LibvirtErrorCode.NoDomain
                ? new VirtSnapshotException(
                    FailureKind.ObjectNotFound, "DomainNotFound", domain, $"Domain '{domain.Name}' does not exist behind '{domain.Uri}' any more.", e)
                : Unreachable(domain.Uri, e);
        }
    }

    private static VmDomain FindOne(string uri, string nameOrUuid, Func<LibvirtConnection, LibvirtDomain> lookUp, CancellationToken cancellation)
    {
        try
        {
            using var rented = Rent(uri, cancellation);
            using var native = lookUp(rented.Connection);
            return DomainReader.Read(native);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomain)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "DomainNotFound",
                nameOrUuid,
                $"There is no domain '{nameOrUuid}' behind '{uri}'. 'Get-VmDomain' lists the ones there are; names are case-sensitive.",
                e);
        }
        catch (LibvirtException e)
        {
            throw Unreachable(uri, e);
        }
    }

    private static RentedConnection Rent(string uri, CancellationToken cancellation)
    {
        if (string.IsNullOrWhiteSpace(uri))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidArgument, "InvalidUri", uri, "An empty text is not a libvirt URI. Leave -Uri out for the default, or give one such as 'qemu:///system'.");
        }

        try
        {
            return InterruptibleCall.Run(() => ConnectionPool.Rent(uri), cancellation);
        }
        catch (LibvirtException e)
        {
            throw Unreachable(uri, e);
        }
    }

    private static LibvirtDomain LookUp(LibvirtConnection connection, string nameOrUuid)
    {
        try
        {
            return connection.LookupByName(nameOrUuid);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomain && Guid.TryParse(nameOrUuid, out var uuid))
        {
            return connection.LookupByUuid(uuid);
        }
    }

    private static VmDomain? TryRead(LibvirtDomain native, string uri)
    {
        try
        {
            return DomainReader.Read(native);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomain)
        {
            // Gone since it was listed.
            return null;
        }
        catch (LibvirtException e)
        {
            throw Unreachable(uri, e);
        }
    }

    private static VirtSnapshotException Unreachable(string uri, LibvirtException e) =>
        e.Code is LibvirtErrorCode.AccessDenied or LibvirtErrorCode.AuthenticationFailed or LibvirtErrorCode.OperationDenied
            || Complaint.IsNoPermission(e.Message)
            ? LibvirtFailure.Explain(e, uri, $"connecting to '{uri}'", "Run as root, or become a member of the group 'libvirt'.")
            : new VirtSnapshotException(
                FailureKind.ConnectionError,
                "LibvirtUnreachable",
                uri,
                $"libvirt cannot be reached at '{uri}': {e.Message.TrimEnd('.')}. Is libvirtd (or virtqemud) running there, and is the URI right?",
                e);
}
