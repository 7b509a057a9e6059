using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>
/// A host whose query results are cached while many records are verified and nothing is changed: thousands of records may be of one image and name the same
/// files.
/// </summary>
/// <param name="host">The host. Its errors are not cached.</param>
internal sealed class CachingHost(IHost host) : IHost
{
    private readonly Dictionary<(string Path, bool FollowLink), FileFacts?> facts = [];
    private readonly Dictionary<(string Path, int Count), byte[]> heads = [];
    private readonly Dictionary<string, ProgramResult> results = new(StringComparer.Ordinal);

    public string Name => host.Name;

    public string HypervisorUri => host.HypervisorUri;

    public string? WhyNoShell => host.WhyNoShell;

    public ProgramResult Run(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) =>
        Once(results, Key("user", program, arguments), () => host.Run(program, arguments, cancellation));

    public ProgramResult RunAsRoot(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default) =>
        Once(results, Key("root", program, arguments), () => host.RunAsRoot(program, arguments, cancellation));

    public IDisposable? ReadAhead(IEnumerable<string> paths) => host.ReadAhead(paths);

    public FileFacts? Stat(string path, bool followLink = false) => Once(facts, (path, followLink), () => host.Stat(path, followLink));

    public byte[] ReadHead(string path, int count) => Once(heads, (path, count), () => host.ReadHead(path, count));

    public long FreeSpace(string path) => host.FreeSpace(path);

    public bool CanWriteTo(string directory) => host.CanWriteTo(directory);

    public IReadOnlyList<string> ListFiles(string directory) => host.ListFiles(directory);

    public OpenFiles ReadOpenFiles() => host.ReadOpenFiles();

    public IHostScript StartScript(string script, IReadOnlyList<string> arguments) => throw ReadOnly();

    public void CreateFile(string path, ReadOnlySpan<byte> content, FileFacts? accessOf) => throw ReadOnly();

    public void SyncDirectory(string path) => throw ReadOnly();

    public void Delete(string path) => throw ReadOnly();

    public IDisposable? TryLock(string name) => throw ReadOnly();

    private static TValue Once<TKey, TValue>(Dictionary<TKey, TValue> known, TKey key, Func<TValue> query)
        where TKey : notnull
    {
        if (!known.TryGetValue(key, out var value))
        {
            known.Add(key, value = query());
        }

        return value;
    }

    /// <summary>No argument of a program contains a NUL.</summary>
    private static string Key(string user, string program, IReadOnlyList<string> arguments) => string.Join('\0', [user, program, .. arguments]);

    private static InvalidOperationException ReadOnly() => new("Nothing on the host is changed while records are verified.");
}
