using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>
/// Another machine of which only its libvirt is in reach: behind <c>qemu+tls</c>, <c>qemu+tcp</c> or a forwarded socket. Its files and programs are
/// not; the lock and the scripts that have to outlive us are on this machine, and reach the hypervisor as we do.
/// </summary>
/// <param name="name">What the machine calls itself.</param>
/// <param name="uri">The URI that was asked for.</param>
/// <param name="why">Why nothing else leads there.</param>
/// <param name="subject">What its errors are about.</param>
internal sealed class LibvirtOnlyHost(string name, string uri, string why, object subject) : IHost
{
    private readonly LocalHost here = new(uri);

    public string Name => name;

    public string HypervisorUri => uri;

    public string WhyNoShell => $"the hypervisor behind '{uri}' runs on another machine ('{name}'), and {why}, but not to its files and programs";

    public ProgramResult Run(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) => throw OutOfReach();

    public ProgramResult RunAsRoot(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) => throw OutOfReach();

    public IHostScript StartScript(string script, IReadOnlyList<string> arguments) => here.StartScript(script, arguments);

    public IDisposable? ReadAhead(IEnumerable<string> paths) => null;

    public FileFacts? Stat(string path, bool followLink = false) => throw OutOfReach();

    public long FreeSpace(string path) => throw OutOfReach();

    public bool CanWriteTo(string directory) => throw OutOfReach();

    public byte[] ReadHead(string path, int count) => throw OutOfReach();

    public IReadOnlyList<string> ListFiles(string directory) => throw OutOfReach();

    public void CreateFile(string path, ReadOnlySpan<byte> content, FileFacts? like) => throw OutOfReach();

    public void SyncDirectory(string path) => throw OutOfReach();

    public void Delete(string path) => throw OutOfReach();

    public OpenFiles ReadOpenFiles() => throw OutOfReach();

    public IDisposable? TryLock(string name) => here.TryLock(name);

    private VirtSnapshotException OutOfReach() => new(
        FailureKind.NotImplemented,
        "RemoteHostNotSupported",
        subject,
        $"This needs more of the host than its libvirt: {WhyNoShell}. Nothing was touched. "
        + "Use a URI over ssh ('qemu+ssh://root@host/system'), run this command on that machine, or take method 'libvirt-volume', which needs nothing else.");
}
