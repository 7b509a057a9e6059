using System.Text;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Storage;

/// <summary>Reads the storage stacks of one host's disks: all of them at once, when the first one is needed.</summary>
internal sealed class StorageProbe
{
    private const string ScriptName = "virtsnapshot-storage-probe";

    // Linux limits one argument to 128 KiB, and a remote shell gets all arguments in one.
    private const int LongestRequest = 60_000;

    private readonly Lazy<IHost> host;
    private readonly Lazy<Dictionary<(Guid Domain, string Target), StorageStack>> stacks;
    private readonly Lazy<HashSet<(Guid Domain, string Target)>> encrypted;

    public StorageProbe(Func<IHost> host, IReadOnlyList<VmDisk> disks)
    {
        this.host = new Lazy<IHost>(host);
        stacks = new Lazy<Dictionary<(Guid Domain, string Target), StorageStack>>(() => Read(this.host, disks));
        encrypted = new Lazy<HashSet<(Guid Domain, string Target)>>(() => FindEncrypted(this.host.Value, disks));
    }

    /// <summary>The host of the disks.</summary>
    public IHost Host => host.Value;

    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c>, <c>SudoRefused</c>: the host's storage cannot be read.</exception>
    public StorageStack StackOf(VmDisk disk) => stacks.Value[(disk.DomainUuid, disk.Target)];

    /// <summary>Whether an image of a shut-off domain's disk is encrypted. Its definition may not show this.</summary>
    public bool HasEncryptedImage(VmDisk disk) => encrypted.Value.Contains(Key(disk));

    private static HashSet<(Guid Domain, string Target)> FindEncrypted(IHost host, IReadOnlyList<VmDisk> disks)
    {
        var offline = disks.Where(disk => disk.Source is { Index: null, Path: not null }).ToList();
        using var ahead = ImageChain.ReadAhead(host, offline.Select(disk => disk.Source));
        return [.. offline.Where(disk => ImageChain.IsEncrypted(host, disk.Source)).Select(Key)];
    }

    private static Dictionary<(Guid Domain, string Target), StorageStack> Read(Lazy<IHost> host, IReadOnlyList<VmDisk> disks)
    {
        var findings = new StorageFindings();
        for (var scope = "stack"; ; scope = "images")
        {
            var missing = disks.SelectMany(disk => DiskImages.Follow(disk, findings).Missing).ToLookup(image => image.Path!, DiskImages.MayBeQcow2);
            if (missing.Count == 0)
            {
                break;
            }

            foreach (var part in Parts(missing))
            {
                Probe(host.Value, scope, part.Where(path => !path.IsImage), part.Where(path => path.IsImage), findings);
            }
        }

        var builder = new StackBuilder(findings);
        return disks.DistinctBy(Key).ToDictionary(Key, builder.Build);
    }

    private static (Guid Domain, string Target) Key(VmDisk disk) => (disk.DomainUuid, disk.Target);

    private static IEnumerable<IReadOnlyList<(string Path, bool IsImage)>> Parts(ILookup<string, bool> paths)
    {
        var part = new List<(string Path, bool IsImage)>();
        var length = 0;
        foreach (var path in paths)
        {
            length += Encoding.UTF8.GetByteCount(path.Key) + 3;
            if (length > LongestRequest && part.Count > 0)
            {
                yield return part;
                part = [];
                length = 0;
            }

            part.Add((path.Key, path.Contains(true)));
        }

        yield return part;
    }

    private static void Probe(
        IHost host, string scope, IEnumerable<(string Path, bool IsImage)> others, IEnumerable<(string Path, bool IsImage)> qcow2, StorageFindings findings)
    {
        string[] plain = [.. others.Select(path => path.Path)];
        string[] images = [.. qcow2.Select(path => path.Path)];
        var result = host.RunAsRoot(
            "sh", ["-c", HostScriptText.Read("storage-probe.sh"), ScriptName, scope, $"{plain.Length}", .. plain, .. images]);
        try
        {
            findings.Add(result.Output, plain, images);
        }
        catch (FormatException e)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidData,
                "StorageUnreadable",
                host.Name,
                $"The storage of host '{host.Name}' cannot be read: {(result.Errors.Length > 0 ? result.ToolError : e.Message)} Nothing was touched.",
                e);
        }

        foreach (var image in findings.LongHeads)
        {
            findings.SetHeader(image, ImageChain.ReadHeader(host, image));
        }
    }
}
