using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Domains;

/// <summary>Finds domains by name, wildcard or UUID.</summary>
public static class DomainFinder
{
    /// <summary>The default URI: <c>LIBVIRT_DEFAULT_URI</c>, as for libvirt's own tools, else <c>qemu:///system</c>.</summary>
    public static string DefaultUri => Environment.GetEnvironmentVariable("LIBVIRT_DEFAULT_URI") is { Length: > 0 } uri ? uri : "qemu:///system";

    /// <summary>All domains of a URI whose name matches, sorted by name. A domain that does not respond does not delay the others.</summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="pattern">The pattern; null for all.</param>
    /// <param name="fail">Called with an error for each domain that cannot be read: <c>DomainNotResponding</c>.</param>
    /// <param name="cancellation">Cancels the wait for libvirt.</param>
    /// <exception cref="VirtSnapshotException"><c>LibvirtUnreachable</c> or <c>AccessDenied</c>.</exception>
    public static IEnumerable<VmDomain> FindAll(string uri, Wildcard? pattern, Action<VirtSnapshotException> fail, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(fail);
        var (taken, listed) = Rent(uri, static rented => (rented, rented.Connection.ListDomains()), cancellation);
        using var rented = taken;
        using var answers = new DomainSurvey(DomainSurvey.PromptTime, DomainSurvey.AnswerTime)
            .Read(uri, listed, name => pattern?.Matches(name) ?? true, DomainReader.Read, cancellation, rented.Abandon)
            .GetEnumerator();
        while (MoveNext())
        {
            var (name, answer) = answers.Current;
            if (answer is null)
            {
                fail(NotResponding(uri, name));
            }
            else if (Result(answer) is { } domain)
            {
                yield return domain;
            }
        }

        bool MoveNext()
        {
            try
            {
                return answers.MoveNext();
            }
            catch (LibvirtException e)
            {
                throw Unreachable(uri, e);
            }
        }

        VmDomain? Result(Task<VmDomain> answer)
        {
            try
            {
                return answer.GetAwaiter().GetResult();
            }
            catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomain)
            {
                // It was undefined after the listing.
                return null;
            }
            catch (LibvirtException e)
            {
                throw Unreachable(uri, e);
            }
        }
    }

    /// <summary>The domain with exactly this name or UUID.</summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="nameOrUuid">The name; a UUID if no domain has that name.</param>
    /// <param name="cancellation">Cancels the wait for libvirt.</param>
    /// <exception cref="VirtSnapshotException"><c>DomainNotFound</c>, <c>DomainNotResponding</c>, <c>LibvirtUnreachable</c> or <c>AccessDenied</c>.</exception>
    public static VmDomain FindOne(string uri, string nameOrUuid, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(nameOrUuid);
        return FindOne(uri, nameOrUuid, connection => LookUp(connection, nameOrUuid), cancellation);
    }

    /// <summary>The domain with this UUID; a domain whose name is the UUID does not match.</summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="uuid">The UUID.</param>
    /// <param name="cancellation">Cancels the wait for libvirt.</param>
    /// <exception cref="VirtSnapshotException"><c>DomainNotFound</c>, <c>DomainNotResponding</c>, <c>LibvirtUnreachable</c> or <c>AccessDenied</c>.</exception>
    public static VmDomain FindOne(string uri, Guid uuid, CancellationToken cancellation) =>
        FindOne(uri, uuid.ToString(), connection => connection.LookupByUuid(uuid), cancellation);

    /// <summary>Opens a domain for calls, through a working connection for exclusive use.</summary>
    internal static LibvirtDomain Open(VmDomain domain, CancellationToken cancellation = default)
    {
        try
        {
            return Rent(domain.Uri, rented => rented.Connection.LookupByUuid(domain.Uuid, rented), cancellation);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomain)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound, "DomainNotFound", domain, $"Domain '{domain.Name}' no longer exists at '{domain.Uri}'.", e);
        }
    }

    private static VmDomain FindOne(string uri, string nameOrUuid, Func<LibvirtConnection, LibvirtDomain> lookUp, CancellationToken cancellation)
    {
        try
        {
            var (taken, found) = Rent(uri, rented => (rented, lookUp(rented.Connection)), cancellation);
            using var rented = taken;
            using var native = found;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(DomainSurvey.AnswerTime);
            try
            {
                return InterruptibleCall.Run(() => DomainReader.Read(native), limit.Token);
            }
            catch (OperationCanceledException)
            {
                rented.Abandon();
                cancellation.ThrowIfCancellationRequested();
                throw NotResponding(uri, nameOrUuid);
            }
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomain)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "DomainNotFound",
                nameOrUuid,
                $"There is no domain '{nameOrUuid}' at '{uri}'. 'Get-VmDomain' lists the existing domains; names are case-sensitive.",
                e);
        }
        catch (LibvirtException e)
        {
            throw Unreachable(uri, e);
        }
    }

    /// <exception cref="VirtSnapshotException"><c>LibvirtUnreachable</c> or <c>AccessDenied</c>.</exception>
    /// <exception cref="LibvirtException">With <see cref="LibvirtErrorCode.NoDomain"/> if the first call does not find the domain.</exception>
    private static T Rent<T>(string uri, Func<RentedConnection, T> first, CancellationToken cancellation)
    {
        if (string.IsNullOrWhiteSpace(uri))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidArgument,
                "InvalidUri",
                uri,
                "An empty string is not a libvirt URI. Omit -Uri for the default, or give a URI such as 'qemu:///system'.");
        }

        try
        {
            return InterruptibleCall.Run(() => ConnectionPool.Rent(uri, first), cancellation);
        }
        catch (LibvirtException e) when (e.Code != LibvirtErrorCode.NoDomain)
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

    internal static VirtSnapshotException NotResponding(string uri, string name) => new(
        FailureKind.OperationTimeout,
        "DomainNotResponding",
        name,
        $"Domain '{name}' at '{uri}' cannot be read: libvirt did not return its definition in time. "
        + $"Its QEMU may hang while another call waits for it. Check it with 'virsh domcontrol {name}' and 'virsh domjobinfo {name}', "
        + "and try again when the domain responds.");

    private static VirtSnapshotException Unreachable(string uri, LibvirtException e) =>
        e.Code is LibvirtErrorCode.AccessDenied or LibvirtErrorCode.AuthenticationFailed or LibvirtErrorCode.OperationDenied
            || ToolError.IsNoPermission(e.Message)
            ? LibvirtFailure.Explain(e, uri, $"connecting to '{uri}'", "Run as root, or as a member of the group 'libvirt'.")
            : new VirtSnapshotException(
                FailureKind.ConnectionError,
                "LibvirtUnreachable",
                uri,
                $"libvirt cannot be reached at '{uri}': {e.Message.TrimEnd('.')}. Check the URI, and that libvirtd (or virtqemud) is running.",
                e);
}
