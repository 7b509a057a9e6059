using System.Text;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Storage;

/// <summary>Looks at what lies under disks of one host: under all of them at once, and only when the first is asked for.</summary>
internal sealed class StorageProbe
{
    private const string ScriptName = "virtsnapshot-storage-probe";

    // One argument of a program is at most 128 KiB long, and a remote shell gets all of ours in one.
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

    /// <summary>The host that the disks lie on.</summary>
    public IHost Host => host.Value;

    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c>, <c>SudoRefused</c>: the host cannot be reached or looked at.</exception>
    public StorageStack StackOf(VmDisk disk) => stacks.Value[(disk.DomainUuid, disk.Target)];

    /// <summary>Whether an image of a shut-off domain's disk is encrypted, which its definition need not show.</summary>
    public bool HasEncryptedImage(VmDisk disk) => encrypted.Value.Contains(Key(disk));

    private static HashSet<(Guid Domain, string Target)> FindEncrypted(IHost host, IReadOnlyList<VmDisk> disks)
    {
        var silent = disks.Where(disk => disk.Source is { Index: null, Path: not null }).ToList();
        using var ahead = ImageChain.ReadAhead(host, silent.Select(disk => disk.Source));
        return [.. silent.Where(disk => ImageChain.IsEncrypted(host, disk.Source)).Select(Key)];
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
                Ask(host.Value, scope, part.Where(path => !path.IsImage), part.Where(path => path.IsImage), findings);
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

    private static void Ask(
        IHost host, string scope, IEnumerable<(string Path, bool IsImage)> others, IEnumerable<(string Path, bool IsImage)> qcow2, StorageFindings findings)
    {
        string[] plain = [.. others.Select(path => path.Path)];
        string[] images = [.. qcow2.Select(path => path.Path)];
        var result = host.RunAsRoot("sh", ["-c", HostScriptText.Read("storage-probe.sh"), ScriptName, scope, $"{plain.Length}", .. plain, .. images]);
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
                $"The storage of host '{host.Name}' cannot be looked at: {(result.Errors.Length > 0 ? result.ToolError : e.Message)} Nothing was touched.",
                e);
        }

        foreach (var image in findings.LongHeads)
        {
            findings.SetHeader(image, ImageChain.ReadHeader(host, image));
        }
    }
}
