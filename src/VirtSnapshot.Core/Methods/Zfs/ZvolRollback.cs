using VirtSnapshot.Methods.Volumes;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>A zvol goes back to a snapshot (<c>zfs rollback</c>), which stays.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>ZFS knows no way back past a newer snapshot but to destroy that: ours are, and where there are others it is refused.</item>
/// <item>It is done in one step, also while somebody has the device open, who would then read and write what he does not expect.</item>
/// <item>Whether it has been done cannot be seen afterwards, so the zvol carries a mark: its properties do not go back with it.</item>
/// </list>
/// </remarks>
internal sealed class ZvolRollback(RecordOrder order, RestoredDisk disk) : DeviceRestoration(order, disk)
{
    private const string Mark = "virtsnapshot:restore";

    private readonly ZfsPrograms zfs = new(order.Host);

    public override string Description => $"'{Zvol}' is rolled back to '{Snapshot.Name}', which cannot be taken back once it has begun";

    public override bool IsFinal => true;

    public override string Device => ZfsName.NodeOf(Zvol);

    private string Zvol => ZfsSnapshot.Read(Snapshot).Volume.Name;

    private string Begun => $"{Disk.Group:N}";

    private string Done => $"{Disk.Group:N}-done";

    public static ZvolRollback Plan(RestoreOrder order, RecordedDisk record)
    {
        var planned = new ZvolRollback(order, new RestoredDisk(order.Group, record, record, []));
        planned.zfs.RequirePool(ZfsName.PoolOf(planned.Zvol), isWritten: true);
        var ours = order.Recorded.Where(other => other.Method == record.Method).ToDictionary(other => (other.Target, VolumeSnapshot.Read(other).Name), other => other);
        var lost = new List<RecordedDisk>();
        foreach (var newer in planned.FindNewer())
        {
            lost.Insert(0, ours.GetValueOrDefault((record.Target, newer)) ?? throw planned.Refused(
                FailureKind.ResourceBusy, "NewerSnapshotsRemain", $"ZFS would destroy '{newer}', which is newer and not recorded with this disk; destroy it yourself if it is not needed"));
        }

        foreach (var doomed in lost)
        {
            var why = new ZfsRemoval(order.Host, ZfsSnapshot.Read(VolumeSnapshot.Read(doomed))).WhyInUse()
                ?? (order.Host.ReadOpenFiles().FindUsers(doomed.Source.Path!) is [{ } reader, ..] ? $"{reader} has '{doomed.Source}' open" : null);
            if (why is not null)
            {
                throw planned.Refused(FailureKind.ResourceBusy, "SourceInUse", $"the newer snapshot '{VolumeSnapshot.Read(doomed).Name}' would have to go, and {why}");
            }
        }

        return new ZvolRollback(order, planned.Disk with { Lost = lost });
    }

    public override bool IsSwitched() => ReadMark() == Done;

    public override bool IsBeyondRecall() => ReadMark() is { } mark && (mark == Begun || mark == Done);

    public override void Prepare(CancellationToken cancellation)
    {
        // The snapshot has all that it needs.
    }

    public override void Switch()
    {
        Do("zfs", "set", $"{Mark}={Begun}", Zvol);
        foreach (var doomed in Disk.Lost)
        {
            new ZfsRemoval(Host, ZfsSnapshot.Read(VolumeSnapshot.Read(doomed))).Run();
        }

        Do("zfs", "rollback", Snapshot.Name);
        Do("zfs", "set", $"{Mark}={Done}", Zvol);
    }

    protected override string? TakeBack() => null;

    protected override string? TidyUp()
    {
        Do("zfs", "inherit", Mark, Zvol);
        return null;
    }

    private string? ReadMark() => zfs.Find(Zvol, Mark) is { } facts && facts[Mark].Source == "local" ? facts[Mark].Value : null;

    /// <summary>Snapshots and bookmarks that were made after this one, the oldest first.</summary>
    private IEnumerable<string> FindNewer()
    {
        var names = Do("zfs", "list", "-H", "-p", "-t", "snapshot,bookmark", "-o", "name", "-s", "createtxg", "-d", "1", Zvol)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return names.SkipWhile(name => name != Snapshot.Name).Skip(1);
    }
}
