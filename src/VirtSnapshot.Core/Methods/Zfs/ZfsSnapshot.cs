using VirtSnapshot.Methods.Volumes;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>One snapshot, and for a zvol the clone that shows it.</summary>
/// <param name="Volume">The dataset or zvol.</param>
/// <param name="Name">The snapshot: <c>tank/vms@virtsnapshot-…</c>.</param>
/// <param name="CloneName">Of a zvol, the clone beside it; null for a dataset.</param>
/// <param name="Set">The set's identity, which both carry.</param>
/// <param name="At">Where its content is found.</param>
internal sealed record ZfsSnapshot(Volume Volume, string Name, string? CloneName, string Set, string At)
{
    /// <summary>The property by which ours is known.</summary>
    public const string Mark = "virtsnapshot:set";

    private const string SetDetail = "set";
    private const string CloneDetail = "clone";

    private const string Shelf = ".zfs/snapshot/";

    /// <summary>The snapshot's part of its name.</summary>
    public string Label => Name[(Name.IndexOf('@', StringComparison.Ordinal) + 1)..];

    /// <summary>Where its dataset is mounted; null for a zvol.</summary>
    public string? MountPoint => CloneName is null ? At[..^$"/{Shelf}{Label}".Length] : null;

    public IEnumerable<string> Names => new[] { Name, CloneName }.OfType<string>();

    /// <param name="volume">The dataset or zvol.</param>
    /// <param name="label">The snapshot's part of the name.</param>
    /// <param name="set">The set's identity.</param>
    /// <param name="mountPoint">Where the dataset is mounted; null for a zvol.</param>
    public static ZfsSnapshot Plan(Volume volume, string label, Guid set, string? mountPoint)
    {
        var clone = $"{ZfsName.ParentOf(volume.Name)}/{label}";
        return mountPoint is null
            ? new ZfsSnapshot(volume, $"{volume.Name}@{label}", clone, $"{set:D}", ZfsName.NodeOf(clone))
            : new ZfsSnapshot(volume, $"{volume.Name}@{label}", null, $"{set:D}", Path.Combine(mountPoint, Shelf + label));
    }

    /// <summary>A record that anybody could have written must not name what we did not make: a dataset, say, where a snapshot belongs.</summary>
    /// <exception cref="VirtSnapshotException"><c>SnapshotNotOurs</c></exception>
    public static ZfsSnapshot Read(VolumeSnapshot snapshot)
    {
        var read = new ZfsSnapshot(snapshot.Volume, snapshot.Name, snapshot.Details.GetValueOrDefault(CloneDetail), snapshot.Details.GetValueOrDefault(SetDetail) ?? "", snapshot.At);
        var label = read.Name[(read.Name.IndexOf('@', StringComparison.Ordinal) + 1)..];
        var end = $"/{Shelf}{label}";
        var mountPoint = read.Volume.Root is null ? null : read.At.StartsWith('/') && read.At.EndsWith(end, StringComparison.Ordinal) ? read.At[..^end.Length] + "/" : "";
        return ZfsName.IsOurSnapshot(read.Name) && Guid.TryParseExact(read.Set, "D", out var set) && read == Plan(read.Volume, label, set, mountPoint)
            ? read
            : throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SnapshotNotOurs",
                snapshot.Name,
                $"The record of '{snapshot.Name}' is none that method 'zfs' writes, so what it names is not touched. Look at it with 'virsh dumpxml'.");
    }

    public VolumeSnapshot ToSnapshot()
    {
        var details = new Dictionary<string, string>(StringComparer.Ordinal) { [SetDetail] = Set };
        if (CloneName is not null)
        {
            details[CloneDetail] = CloneName;
        }

        return new VolumeSnapshot(Volume, Name, At, details);
    }

    /// <summary>Whether something of that name is ours: it carries the mark itself, not through what it lies in.</summary>
    public bool IsOurs(IReadOnlyDictionary<string, ZfsValue> facts) => facts[Mark] is { Source: "local" or "received" } mark && mark.Value == Set;

    public bool IsOurClone(IReadOnlyDictionary<string, ZfsValue> facts) => IsOurs(facts) && facts["origin"].Value == Name;
}
