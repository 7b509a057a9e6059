using System.Globalization;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>
/// Method <c>lvm</c>: a snapshot of a thick logical volume, to which each block is copied before it is overwritten:
/// <c>&lt;diskSnapshot method='lvm'&gt;&lt;device path='/dev/vg/lv'/&gt;&lt;size&gt;20%&lt;/size&gt;&lt;chunk&gt;64K&lt;/chunk&gt;&lt;/diskSnapshot&gt;</c>,
/// all of it optional.
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item>Its COW space is fixed. A snapshot that overflows is lost: LVM shows <c>I</c>, reads fail with I/O errors, a mounted file system is corrupt (dmeventd
/// unmounts it, if it runs). The origin is not affected. The administrator can configure automatic extension (<c>snapshot_autoextend_threshold</c>).</item>
/// <item>The first write to each chunk of the origin becomes two writes: so it should be removed soon.</item>
/// <item><c>lvcreate -s</c> makes a volume, activates it, waits for udev, zeroes its beginning, deactivates it, waits again, and then attaches it to the
/// origin. All but the last step are done ahead: an ordinary volume is made and zeroed, and <c>lvconvert --type snapshot --zero n</c> attaches it, in less
/// than half the time. Lack of space in the group is detected before the guest is frozen.</item>
/// <item>No snapshot of a snapshot; raid, striped, mirrored and cached volumes are supported.</item>
/// </list>
/// </remarks>
internal sealed class LvmMethod : LogicalVolumeMethod
{
    private const string SizeElement = "size";
    private const string ChunkElement = "chunk";
    private const string ExtentsDetail = "extents";
    private const string ChunkDetail = "chunk";

    public override string Name => "lvm";

    protected override string NameEnd => "";

    public override DeviceRestoration PlanDeviceRestoration(RestoreRequest request, SnapshotRecord record) => LvmMerge.Plan(request, record);

    public override DeviceRestoration ResumeDeviceRestoration(MethodRequest request, RestoreRecord disk) => new LvmMerge(request, disk);

    protected override IReadOnlyList<string> Settings => [SizeElement, ChunkElement];

    protected override string TakeScript => """
        set -e
        while [ $# -gt 0 ]; do
            [ -z "$1" ] || sync --file-system "$1"
            lvconvert --yes --type snapshot --zero n --chunksize "$2" --config 'backup{backup=0}' "$3" "$4"
            shift 4
        done
        """;

    public override double? ReadUsage(IHost host, VolumeSnapshot snapshot) =>
        NameOf(snapshot) is var (group, name) && new LvmPrograms(host).Find(group, name) is [var volume] ? volume.Usage : null;

    /// <summary>
    /// A copy into the volume uses the COW space of all of its snapshots, including the one that is read. Snapshots that have overflowed are ignored.
    /// </summary>
    public override string? WhyNoSpaceFor(IHost host, VolumeSnapshot snapshot, ulong bytes)
    {
        var (group, name) = NameOf(snapshot);
        var small = new LvmPrograms(host)
            .FindCowSpace(group, snapshot.Detail(OriginDetail))
            .Where(other => other.Left < bytes && (other.Left > 0 || other.Name == name))
            .ToList();
        return small.Count == 0
            ? null
            : $"its image has {bytes >> 20} MiB, whose copy in the volume '{snapshot.Volume.Name}' would overflow the COW space of "
                + $"{string.Join(", ", small.Select(other => $"'{group}/{other.Name}'{(other.Name == name ? ", the snapshot itself" : "")}"))}: extend "
                + $"{(small.Count == 1 ? "it" : "them")} with 'lvextend', or remove snapshots";
    }

    protected override string? WhyUnfit(LogicalVolumeLayer volume) => volume switch
    {
        { Pool: not null } => $"'{volume.FullName}' is a thin volume, whose method is 'lvm-thin'",
        { Kind: not ("linear" or "striped" or "mirror" or "cache" or "writecache") } when !volume.Kind.StartsWith("raid", StringComparison.Ordinal) =>
            $"'{volume.FullName}' is of type {volume.Kind}, which LVM cannot snapshot",
        _ => null,
    };

    protected override string Describe(LogicalVolumeLayer volume) => $"logical volume '{volume.FullName}', which LVM snapshots as a whole";

    protected override void Plan(VolumeRequest request, LogicalVolumeLayer volume, SnapshotSettings settings, Dictionary<string, string> details)
    {
        var chunk = settings.Read(ChunkElement, SnapshotSize.ParseChunk, "a chunk's size: a power of two from 4K to 512K") ?? SnapshotSize.SmallestChunk;
        var bytes = settings.Read(
            SizeElement,
            text => SnapshotSize.Parse(text, volume.Bytes),
            "a size: bytes, optionally with K, M, G, T or P, or a percentage of the volume") ?? SnapshotSize.Default(volume.Bytes);
        var extents = SnapshotSize.Extents(bytes, volume.Bytes, chunk, volume.ExtentSize);
        var free = volume.GroupFree / volume.ExtentSize;
        if (extents > free)
        {
            throw Refuse(
                request,
                FailureKind.QuotaExceeded,
                "NoSpace",
                $"a snapshot of '{volume.FullName}' needs {MiB(extents)}, and {MiB(free)} are free in volume group '{volume.VolumeGroup}'. Nothing was "
                + "touched. "
                + $"Extend the group, or give a smaller <{SizeElement}>");
        }

        details[ExtentsDetail] = extents.ToString(CultureInfo.InvariantCulture);
        details[ChunkDetail] = chunk.ToString(CultureInfo.InvariantCulture);

        string MiB(long extents) => $"{extents * volume.ExtentSize >> 20} MiB";
    }

    /// <summary>Makes the COW volume, with our tag from the beginning. The act attaches it to the origin.</summary>
    protected override void PrepareVolume(LvmPrograms lvm, VolumeSnapshot snapshot)
    {
        var (group, name) = NameOf(snapshot);
        lvm.Do(
            "lvcreate",
            [
                "--yes", "--type", "linear", "--wipesignatures", "n", "--zero", "y", "--addtag", "virtsnapshot", "--addtag", TagOf(snapshot),
                "--extents", Number(snapshot, ExtentsDetail), "--name", name, group,
            ],
            snapshot.Name);
        string[] permission = IsMadeWritable(snapshot) ? [] : ["--permission", "r"];
        lvm.Do("lvchange", ["--activate", "n", .. permission, snapshot.Name], snapshot.Name);
    }

    protected override IReadOnlyList<string> TakeArguments(VolumeSnapshot snapshot) =>
        [SyncOf(snapshot), $"{Number(snapshot, ChunkDetail)}b", snapshot.Volume.Name, snapshot.Name];

    private static string Number(VolumeSnapshot snapshot, string detail) =>
        snapshot.Detail(detail) is var text && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? text
            : throw VolumeSnapshot.Damaged(snapshot, $"'{text}' is not a number");
}
