using VirtSnapshot.Hosts;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>Method <c>lvm-thin</c>: a snapshot of a thin volume, which shares what both have in common in their pool.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>It has no room of its own: the pool's is everybody's. A pool whose data is full stops all its writers, after a minute with errors; one whose metadata is full has to be
/// repaired offline. So a pool that is 95 % full is refused; of one from 80 % on the user is warned when the snapshot is taken, and whenever it is listed.</item>
/// <item>LVM marks thin snapshots as not to be activated; ours are made without that mark, as the backup source must come back by itself after a reboot.</item>
/// <item>It is made without being activated, which is done after the act: that makes the act shorter by a wait for udev.</item>
/// </list>
/// </remarks>
internal sealed class LvmThinMethod : LogicalVolumeMethod
{
    private const double FullPercent = 95;
    private const string PoolDetail = "pool";

    public override string Name => "lvm-thin";

    /// <summary>The pool's, be it data or metadata that runs out first.</summary>
    public override double? ReadUsage(IHost host, VolumeSnapshot snapshot) =>
        snapshot.Details.TryGetValue(PoolDetail, out var pool) && LvmName.IsValid(pool) && new LvmPrograms(host).Find(NameOf(snapshot).Group, pool) is [var found]
            ? Math.Max(found.Fill ?? 0, found.MetadataFill ?? 0)
            : null;

    protected override string NameEnd => "-thin";

    public override DeviceRestoration PlanDeviceRestoration(RestoreRequest request, SnapshotRecord record) => LvmThinSwap.Plan(request, record);

    public override DeviceRestoration ResumeDeviceRestoration(MethodRequest request, RestoreRecord disk) => new LvmThinSwap(request, disk);

    protected override IReadOnlyList<string> Settings => [];

    protected override string TakeScript => """
        set -e
        while [ $# -gt 0 ]; do
            [ -z "$1" ] || sync --file-system "$1"
            lvcreate --yes --snapshot --setactivationskip n --activate n --permission "$2" --addtag virtsnapshot --addtag "$3" --config 'backup{backup=0}' --name "$4" "$5"
            shift 5
        done
        """;

    protected override string? WhyUnfit(LogicalVolumeLayer volume) => volume.Pool is null ? $"'{volume.FullName}' is not in a thin pool; its method is 'lvm'" : null;

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
                    $"LVM does not tell how full the {part} of the thin pool '{volume.VolumeGroup}/{volume.Pool}' is, as where the pool has failed or is not active ('lvs -a' tells more). Nothing was touched");
            }

            var fill = FormattableString.Invariant($"the {part} of the thin pool '{volume.VolumeGroup}/{volume.Pool}' is {percent:0.#} % full");
            if (percent >= FullPercent)
            {
                throw Refuse(
                    request,
                    FailureKind.QuotaExceeded,
                    "NoSpace",
                    $"{fill}, and from now on all that is written over is kept: a full pool stops every volume in it. Nothing was touched. Extend it ('lvextend'), or remove volumes");
            }

        }
    }

    protected override void PrepareVolume(LvmPrograms lvm, VolumeSnapshot snapshot)
    {
        // Thin snapshots need no room of their own.
    }

    protected override IReadOnlyList<string> TakeArguments(VolumeSnapshot snapshot) =>
        [SyncOf(snapshot), IsMadeWritable(snapshot) ? "rw" : "r", TagOf(snapshot), NameOf(snapshot).Name, snapshot.Volume.Name];
}
