using VirtSnapshot.Methods.Volumes;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>A thick snapshot is poured back into its volume (<c>lvconvert --merge</c>), and is no more.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>From the first moment on the volume shows what it held; the rest is copied meanwhile, and goes on after a crash or a power cut, when the volume is activated.</item>
/// <item>Where the volume or the snapshot is open, LVM says that all is well, and waits for the next activation: so both must be closed.</item>
/// <item>Afterwards nothing tells a snapshot that was merged from one that somebody has deleted: so the volume carries a tag meanwhile.</item>
/// <item>To the volume's other snapshots it is as if somebody wrote to the volume: they keep what they hold, as long as they have room.</item>
/// </list>
/// </remarks>
internal sealed class LvmMerge(MethodRequest request, RestoreRecord disk) : DeviceRestoration(request, disk)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly LvmPrograms lvm = new(request.Host);
    private string endangered = "";

    public override string Description => $"'{Snapshot.Name}' is merged into '{Snapshot.Volume.Name}', which cannot be taken back once it has begun{endangered}";

    public override bool IsFinal => true;

    public override string Device => $"/dev/{Snapshot.Volume.Name}";

    private string Begun => $"virtsnapshot-merge-{Disk.Group:N}";

    private (string Group, string Name) Origin =>
        LvmName.Split(Snapshot.Volume.Name) ?? throw VolumeSnapshot.Damaged(Snapshot, $"'{Snapshot.Volume.Name}' is no name of a logical volume");

    public static LvmMerge Plan(RestoreRequest request, SnapshotRecord record)
    {
        var merge = new LvmMerge(request, new RestoreRecord(request.Group, record, null, []));
        var (origin, snapshot) = merge.Find();
        if (origin is null || snapshot is null || origin.Uuid != merge.Snapshot.Detail(LogicalVolumeMethod.OriginDetail))
        {
            throw merge.Refused(FailureKind.InvalidOperation, "SourceDiffers", $"'{merge.Snapshot.Volume.Name}' is not the volume any more that it is a snapshot of");
        }

        if (origin.IsOpen || snapshot.IsOpen || origin.IsMerging)
        {
            throw merge.Refused(FailureKind.ResourceBusy, "SourceInUse", $"{(origin.IsMerging ? "another snapshot is just being merged into it" : "the volume or the snapshot is open ('lsblk' tells more)")}");
        }

        merge.endangered = merge.NameEndangered();
        return merge;
    }

    public override bool IsSwitched() => Find() is ({ IsMerging: false } origin, null) && HasBegun(origin);

    public override bool IsIrreversible() => Find() is (var origin, var snapshot) && origin is not null && HasBegun(origin) && (origin.IsMerging || snapshot is null);

    public override void Prepare(CancellationToken cancellation)
    {
        // It has all that it needs.
    }

    public override void Switch()
    {
        if (Find() is ({ IsMerging: false }, { } snapshot))
        {
            Do("lvchange", "--addtag", Begun, Snapshot.Volume.Name);
            Do("lvconvert", "--yes", "--merge", $"{Origin.Group}/{snapshot.Name}");
        }

        while (Find().Origin is { IsMerging: true, IsOpen: false })
        {
            // Begun by an earlier run, whose end it need not have survived.
            Do("lvchange", "--poll", "y", Snapshot.Volume.Name);
            Thread.Sleep(Pause);
        }

        if (!IsSwitched())
        {
            throw Failed($"'{Snapshot.Volume.Name}' is in use, so LVM merges it at its next activation");
        }
    }

    protected override string? TakeBack() => TidyUp();

    protected override string? TidyUp()
    {
        if (Find().Origin is { } origin && HasBegun(origin))
        {
            Do("lvchange", "--deltag", Begun, Snapshot.Volume.Name);
        }

        return null;
    }

    private bool HasBegun(LogicalVolume origin) => origin.Tags.Contains(Begun);

    /// <summary>One that is being merged is hidden.</summary>
    private (LogicalVolume? Origin, LogicalVolume? Snapshot) Find()
    {
        var (group, name) = Origin;
        var snapshot = LogicalVolumeMethod.NameOf(Snapshot).Name;
        var found = lvm.Find(group, name, snapshot);
        return (found.FirstOrDefault(volume => volume.Name == name), found.FirstOrDefault(volume => volume.Name == snapshot));
    }

    /// <summary>Other snapshots that have not the room to keep all that the merge overwrites.</summary>
    private string NameEndangered()
    {
        var (group, name) = LogicalVolumeMethod.NameOf(Snapshot);
        var origin = Snapshot.Detail(LogicalVolumeMethod.OriginDetail);
        var snapshots = lvm.FindRoom(group, origin);
        var used = snapshots.Where(other => other.Name == name).Sum(other => other.Used);
        var names = snapshots.Where(other => other.Name != name && other.Left < used).Select(other => $"'{group}/{other.Name}'").ToList();
        return names.Count == 0 ? "" : $". MAY BE LOST, since they have too little room left for what it overwrites: {string.Join(", ", names)}";
    }
}
