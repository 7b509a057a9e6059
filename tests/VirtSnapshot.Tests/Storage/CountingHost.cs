using VirtSnapshot.Hosts;
using VirtSnapshot.Native;

namespace VirtSnapshot.Tests.Storage;

/// <summary>This machine, counting how often it is asked for anything.</summary>
internal sealed class CountingHost : IHost
{
    private readonly LocalHost local = new("test:///default");

    public int RoundTrips { get; private set; }

    public string Name => local.Name;

    public string HypervisorUri => local.HypervisorUri;

    public ProgramResult Run(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) =>
        Counted(() => local.Run(program, arguments, cancellation));

    public ProgramResult RunAsRoot(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) =>
        Counted(() => local.RunAsRoot(program, arguments, cancellation));

    public FileFacts? Stat(string path, bool followLink = false) => Counted(() => local.Stat(path, followLink));

    public byte[] ReadHead(string path, int count) => Counted(() => local.ReadHead(path, count));

    public IDisposable? ReadAhead(IEnumerable<string> paths) => null;

    public IHostScript StartScript(string script, IReadOnlyList<string> arguments) => throw new NotSupportedException();

    public long FreeSpace(string path) => throw new NotSupportedException();

    public bool CanWriteTo(string directory) => throw new NotSupportedException();

    public IReadOnlyList<string> ListFiles(string directory) => throw new NotSupportedException();

    public void CreateFile(string path, ReadOnlySpan<byte> content, FileFacts? like) => throw new NotSupportedException();

    public void SyncDirectory(string path) => throw new NotSupportedException();

    public void Delete(string path) => throw new NotSupportedException();

    public OpenFiles ReadOpenFiles() => throw new NotSupportedException();

    public IDisposable? TryLock(string name) => throw new NotSupportedException();

    private T Counted<T>(Func<T> call)
    {
        RoundTrips++;
        return call();
    }
}
