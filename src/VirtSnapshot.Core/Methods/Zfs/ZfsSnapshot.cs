using VirtSnapshot.Methods.Volumes;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>One snapshot, and for a zvol the clone that makes it accessible.</summary>
/// <param name="Volume">The dataset or zvol.</param>
/// <param name="Name">The snapshot: <c>tank/vms@virtsnapshot-…</c>.</param>
/// <param name="CloneName">For a zvol the clone beside it; null for a dataset.</param>
/// <param name="Set">The set's identity, a property of both.</param>
/// <param name="At">The path of its content.</param>
internal sealed record ZfsSnapshot(Volume Volume, string Name, string? CloneName, string Set, string At)
{
    /// <summary>The property that marks our snapshots.</summary>
    public const string Mark = "virtsnapshot:set";

    private const string SetDetail = "set";
    private const string CloneDetail = "clone";

    private const string SnapshotFolder = ".zfs/snapshot/";

    /// <summary>The snapshot's part of its name.</summary>
    public string Label => Name[(Name.IndexOf('@', StringComparison.Ordinal) + 1)..];

    /// <summary>The mount point of its dataset; null for a zvol.</summary>
    public string? MountPoint => CloneName is null ? At[..^$"/{SnapshotFolder}{Label}".Length] : null;

    public IEnumerable<string> Names => new[] { Name, CloneName }.OfType<string>();

    /// <param name="volume">The dataset or zvol.</param>
    /// <param name="label">The snapshot's part of the name.</param>
    /// <param name="set">The set's identity.</param>
    /// <param name="mountPoint">The mount point of the dataset; null for a zvol.</param>
    public static ZfsSnapshot Plan(Volume volume, string label, Guid set, string? mountPoint)
    {
        var clone = $"{ZfsName.ParentOf(volume.Name)}/{label}";
        return mountPoint is null
            ? new ZfsSnapshot(volume, $"{volume.Name}@{label}", clone, $"{set:D}", ZfsName.NodeOf(clone))
            : new ZfsSnapshot(volume, $"{volume.Name}@{label}", null, $"{set:D}", Path.Combine(mountPoint, SnapshotFolder + label));
    }

    /// <summary>Reads a record, which may be forged: it must not name anything but a snapshot of ours, such as a dataset.</summary>
    /// <exception cref="VirtSnapshotException"><c>SnapshotNotOurs</c></exception>
    public static ZfsSnapshot Read(VolumeSnapshot snapshot)
    {
        var read = new ZfsSnapshot(
            snapshot.Volume,
            snapshot.Name,
            snapshot.Details.GetValueOrDefault(CloneDetail),
            snapshot.Details.GetValueOrDefault(SetDetail) ?? "",
            snapshot.At);
        var label = read.Name[(read.Name.IndexOf('@', StringComparison.Ordinal) + 1)..];
        var end = $"/{SnapshotFolder}{label}";
        var mountPoint = read.Volume.Root is null ? null
            : read.At.StartsWith('/') && read.At.EndsWith(end, StringComparison.Ordinal) ? read.At[..^end.Length] + "/"
            : "";
        return ZfsName.IsOurSnapshot(read.Name) && Guid.TryParseExact(read.Set, "D", out var set) && read == Plan(read.Volume, label, set, mountPoint)
            ? read
            : throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SnapshotNotOurs",
                snapshot.Name,
                $"The record of '{snapshot.Name}' is not one that method 'zfs' writes, so the snapshot is not touched. 'virsh dumpxml' shows the record.");
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

    /// <summary>Whether a dataset or snapshot is ours: it has the property itself, not inherited.</summary>
    public bool IsOurs(IReadOnlyDictionary<string, ZfsValue> facts) => facts[Mark] is { Source: "local" or "received" } mark && mark.Value == Set;

    public bool IsOurClone(IReadOnlyDictionary<string, ZfsValue> facts) => IsOurs(facts) && facts["origin"].Value == Name;
}
