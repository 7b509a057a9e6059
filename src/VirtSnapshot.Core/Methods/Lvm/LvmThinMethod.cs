using VirtSnapshot.Hosts;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>Method <c>lvm-thin</c>: a snapshot of a thin volume, which shares blocks with it in their pool.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>It has no COW space of its own: all volumes share the pool. When the pool's data is full, writes block, and fail after a minute; when its metadata
/// is full, the pool must be repaired offline. So a pool with 95 % usage is refused; from 80 % on there is a warning when the snapshot is taken or
/// listed.</item>
/// <item>LVM marks thin snapshots to be skipped at activation; ours are made without that flag, because the backup source must be active after a
/// reboot.</item>
/// <item>It is activated after the act: that saves a wait for udev in the act.</item>
/// </list>
/// </remarks>
internal sealed class LvmThinMethod : LogicalVolumeMethod
{
    private const double FullPercent = 95;
    private const string PoolDetail = "pool";

    public override string Name => "lvm-thin";

    /// <summary>The pool's usage of data or metadata, whichever is higher.</summary>
    public override double? ReadUsage(IHost host, VolumeSnapshot snapshot) =>
        snapshot.Details.TryGetValue(PoolDetail, out var pool)
        && LvmName.IsValid(pool)
        && new LvmPrograms(host).Find(NameOf(snapshot).Group, pool) is [var found]
            ? Math.Max(found.Usage ?? 0, found.MetadataUsage ?? 0)
            : null;

    protected override string NameEnd => "-thin";

    public override DeviceRestoration PlanDeviceRestoration(RestoreRequest request, SnapshotRecord record) => LvmThinSwap.Plan(request, record);

    public override DeviceRestoration ResumeDeviceRestoration(MethodRequest request, RestoreRecord disk) => new LvmThinSwap(request, disk);

    protected override IReadOnlyList<string> Settings => [];

    protected override string TakeScript => """
        set -e
        while [ $# -gt 0 ]; do
            [ -z "$1" ] || sync --file-system "$1"
            lvcreate --yes --snapshot --setactivationskip n --activate n --permission "$2" --addtag virtsnapshot --addtag "$3" \
                --config 'backup{backup=0}' --name "$4" "$5"
            shift 5
        done
        """;

    protected override string? WhyUnfit(LogicalVolumeLayer volume) => volume.Pool is null ? $"'{volume.FullName}' is not in a thin pool; its method is "
        + "'lvm'" : null;

    protected override string Describe(LogicalVolumeLayer volume) => $"thin volume '{volume.FullName}', which LVM snapshots as a whole";

    protected override void Plan(VolumeRequest request, LogicalVolumeLayer volume, SnapshotSettings settings, Dictionary<string, string> details)
    {
        details[PoolDetail] = volume.Pool!;
        foreach (var (part, percent) in new[] { ("data", volume.PoolDataPercent), ("metadata", volume.PoolMetadataPercent) })
        {
            if (percent is null)
            {
                throw Refuse(
                    request,
                    FailureKind.InvalidData,
                    "StorageUnreadable",
                    $"LVM does not report the {part} usage of the thin pool '{volume.VolumeGroup}/{volume.Pool}': the pool has failed or is not active "
                    + "('lvs -a' shows its state). Nothing was touched");
            }

            var usage = FormattableString.Invariant($"the {part} of the thin pool '{volume.VolumeGroup}/{volume.Pool}' is {percent:0.#} % full");
            if (percent >= FullPercent)
            {
                throw Refuse(
                    request,
                    FailureKind.QuotaExceeded,
                    "NoSpace",
                    $"{usage}, and a full pool stops every volume in it. Nothing was touched. Extend it ('lvextend'), or remove volumes");
            }

        }
    }

    protected override void PrepareVolume(LvmPrograms lvm, VolumeSnapshot snapshot)
    {
        // Thin snapshots need no COW space of their own.
    }

    protected override IReadOnlyList<string> TakeArguments(VolumeSnapshot snapshot) =>
        [SyncOf(snapshot), IsMadeWritable(snapshot) ? "rw" : "r", TagOf(snapshot), NameOf(snapshot).Name, snapshot.Volume.Name];
}
