using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>
/// A remote host of which only libvirt is accessible: behind <c>qemu+tls</c>, <c>qemu+tcp</c> or a forwarded socket. Lock and background scripts
/// run on this machine, and use the same URI.
/// </summary>
/// <param name="name">The host name that the machine reports.</param>
/// <param name="uri">The given URI.</param>
/// <param name="why">Why files and programs are not accessible, as a clause.</param>
/// <param name="subject">The target object of its errors.</param>
internal sealed class LibvirtOnlyHost(string name, string uri, string why, object subject) : IHost
{
    private readonly LocalHost here = new(uri);

    public string Name => name;

    public string HypervisorUri => uri;

    public string WhyNoShell => $"the hypervisor of '{uri}' runs on another machine ('{name}'), and {why} there";

    public ProgramResult Run(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) => throw OutOfReach();

    public ProgramResult RunAsRoot(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) => throw OutOfReach();

    public IHostScript StartScript(string script, IReadOnlyList<string> arguments) => here.StartScript(script, arguments);

    public IDisposable? ReadAhead(IEnumerable<string> paths) => null;

    public FileFacts? Stat(string path, bool followLink = false) => throw OutOfReach();

    public long FreeSpace(string path) => throw OutOfReach();

    public bool CanWriteTo(string directory) => throw OutOfReach();

    public byte[] ReadHead(string path, int count) => throw OutOfReach();

    public IReadOnlyList<string> ListFiles(string directory) => throw OutOfReach();

    public void CreateFile(string path, ReadOnlySpan<byte> content, FileFacts? accessOf) => throw OutOfReach();

    public void SyncDirectory(string path) => throw OutOfReach();

    public void Delete(string path) => throw OutOfReach();

    public OpenFiles ReadOpenFiles() => throw OutOfReach();

    public IDisposable? TryLock(string name) => here.TryLock(name);

    private VirtSnapshotException OutOfReach() => new(
        FailureKind.NotImplemented,
        "RemoteHostNotSupported",
        subject,
        $"This needs access to the host's files and programs: {WhyNoShell}. Nothing was touched. "
        + "Use a URI over ssh ('qemu+ssh://root@host/system'), run this command on that machine, or use the method 'libvirt-volume'.");
}
