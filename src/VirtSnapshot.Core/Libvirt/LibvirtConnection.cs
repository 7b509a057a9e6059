using VirtSnapshot.Native;

namespace VirtSnapshot.Libvirt;

/// <summary>An open connection to a hypervisor. It has one user at a time: see <see cref="ConnectionPool"/>.</summary>
internal sealed partial class LibvirtConnection : IDisposable
{
    private const int KeepAliveSeconds = 5;
    private const int KeepAliveCount = 3;

    private readonly ConnectHandle handle;
    private string? hostname;
    private Version? libraryVersion;

    private LibvirtConnection(string uri, ConnectHandle handle)
    {
        this.handle = handle;
        Uri = uri;
    }

    /// <summary>The URI as given by the user.</summary>
    public string Uri { get; }

    /// <summary>The resolved URI, if the given one is an alias.</summary>
    public string RealUri => ConnectApi.Uri(handle);

    /// <summary>The host name of the machine that runs the hypervisor, as that machine reports it.</summary>
    public string Hostname => hostname ??= ConnectApi.Hostname(handle);

    /// <summary>The version of the daemon's libvirt, which may differ from the client library's.</summary>
    public Version LibraryVersion => libraryVersion ??= ConnectApi.LibraryVersion(handle);

    public bool IsAlive => ConnectApi.IsAlive(handle);

    public static LibvirtConnection Open(string uri)
    {
        LibvirtRuntime.EnsureStarted();
        var handle = ConnectApi.Open(uri);
        ConnectApi.KeepAlive(handle, KeepAliveSeconds, KeepAliveCount);
        return new LibvirtConnection(uri, handle);
    }

    public IReadOnlyList<LibvirtDomain> ListDomains() =>
        Array.ConvertAll(ConnectApi.ListDomains(handle, 0), Wrap);

    /// <exception cref="LibvirtException">With <see cref="LibvirtErrorCode.NoDomain"/> if there is none.</exception>
    public LibvirtDomain LookupByName(string name) => Wrap(DomainApi.LookupByName(handle, name));

    /// <exception cref="LibvirtException">With <see cref="LibvirtErrorCode.NoDomain"/> if there is none.</exception>
    public LibvirtDomain LookupByUuid(Guid uuid, RentedConnection? rented = null) =>
        new(this, handle, DomainApi.LookupByUuid(handle, uuid), rented);

    public IReadOnlyList<string> PoolXmls() => Array.ConvertAll(ConnectApi.ListPools(handle), static pool =>
    {
        using (pool)
        {
            return StorageApi.Xml(pool);
        }
    });

    public void Dispose() => handle.Dispose();

    private LibvirtDomain Wrap(DomainHandle domain) => new(this, handle, domain);
}
