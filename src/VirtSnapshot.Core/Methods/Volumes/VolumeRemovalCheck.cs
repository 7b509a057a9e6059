using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>Which snapshots of volumes can be removed: a snapshot is deleted with the last disk in it, and only while nothing uses it.</summary>
internal sealed class VolumeRemovalCheck
{
    private readonly VolumeMethod method;
    private readonly RemovalRequest request;
    private readonly Lazy<OpenFiles> open;
    private readonly Lazy<ImageUse> use;
    private readonly HashSet<string> kept;
    private readonly Lazy<HashSet<string>> stillNeeded;
    private readonly List<SnapshotRecord> accepted = [];

    public VolumeRemovalCheck(VolumeMethod method, RemovalRequest request)
    {
        this.method = method;
        this.request = request;
        open = new Lazy<OpenFiles>(request.Host.ReadOpenFiles);
        use = new Lazy<ImageUse>(() => ImageUse.Read(request));
        kept = NamesBut(request.Disks);
        stillNeeded = new Lazy<HashSet<string>>(() => NamesBut(accepted));
    }

    /// <exception cref="VirtSnapshotException">It cannot be removed now: <c>SourceInUse</c>, <c>SourceShared</c>.</exception>
    public void Refuse(SnapshotRecord record)
    {
        var isKept = kept.Contains(NameOf(record));
        if (FindReader(record, isKept) is { } reader)
        {
            throw InUse(record, $"it is in use by {reader}");
        }

        if (!isKept && use.Value.FindDisk(VolumeSnapshot.Read(record).At) is { } disk)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "SourceShared",
                request.Domain,
                $"{Describe(record)} cannot be removed while {disk} uses it as backing image. Nothing was touched. "
                + "Give that disk an image of its own, then try again.");
        }

        if (!isKept && method.WhyInUse(request.Host, VolumeSnapshot.Read(record)) is { } why)
        {
            throw InUse(record, why);
        }

        accepted.Add(record);
    }

    /// <summary>Whether no other disk needs it, also after a crash between the removal of another disk's record and the deletion.</summary>
    public bool IsDeletable(SnapshotRecord record) => !stillNeeded.Value.Contains(NameOf(record));

    private static string NameOf(SnapshotRecord record) => VolumeSnapshot.Read(record).Name;

    /// <summary>The snapshots that disks still need after these records are removed.</summary>
    private HashSet<string> NamesBut(IReadOnlyList<SnapshotRecord> removed) => request.Recorded
        .Where(record => record.Method == method.Name && !removed.Any(other => other.Target == record.Target && NameOf(other) == NameOf(record)))
        .Select(NameOf)
        .ToHashSet(StringComparer.Ordinal);

    /// <summary>Deleting a snapshot deletes all of its content: backing images, and files that no disk uses.</summary>
    private FileUser? FindReader(SnapshotRecord record, bool isKept) =>
        (record.Source.Path is { } path ? open.Value.FindUsers(path) : [])
        .Concat(isKept ? [] : open.Value.FindUsersWithin(VolumeSnapshot.Read(record).At))
        .FirstOrDefault();

    private VirtSnapshotException InUse(SnapshotRecord record, string why) => new(
        FailureKind.ResourceBusy,
        "SourceInUse",
        request.Domain,
        $"{Describe(record)} cannot be removed: {why}. Nothing was touched. Wait until that has ended, then try again.");

    private string Describe(SnapshotRecord record) => $"The snapshot '{NameOf(record)}' of disk '{record.Target}' of domain '{request.Domain.Name}'";
}
