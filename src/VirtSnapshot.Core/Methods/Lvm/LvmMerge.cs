using VirtSnapshot.Methods.Volumes;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>Merges a thick snapshot into its volume (<c>lvconvert --merge</c>), which deletes the snapshot.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>The volume has the snapshot's content at once; LVM copies in the background, and continues after a crash or a power cut when the volume is
/// activated.</item>
/// <item>Where the volume or the snapshot is open, LVM reports success, but merges at the next activation: so both must be closed.</item>
/// <item>A merged snapshot cannot be distinguished from a deleted one: so the volume has a tag during the merge.</item>
/// <item>For the volume's other snapshots the merge is a write to the volume: they stay valid as long as their COW space suffices.</item>
/// </list>
/// </remarks>
internal sealed class LvmMerge(MethodRequest request, RestoreRecord disk) : DeviceRestoration(request, disk)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly LvmPrograms lvm = new(request.Host);
    private string endangered = "";

    public override string Description => $"'{Snapshot.Name}' is merged into '{Snapshot.Volume.Name}', which is irreversible{endangered}";

    public override bool IsFinal => true;

    public override string Device => $"/dev/{Snapshot.Volume.Name}";

    private string Begun => $"virtsnapshot-merge-{Disk.Group:N}";

    private (string Group, string Name) Origin =>
        LvmName.Split(Snapshot.Volume.Name) ?? throw VolumeSnapshot.Damaged(Snapshot, $"'{Snapshot.Volume.Name}' is not a name of a logical volume");

    public static LvmMerge Plan(RestoreRequest request, SnapshotRecord record)
    {
        var merge = new LvmMerge(request, new RestoreRecord(request.Group, record, null, []));
        var (origin, snapshot) = merge.Find();
        if (origin is null || snapshot is null || origin.Uuid != merge.Snapshot.Detail(LogicalVolumeMethod.OriginDetail))
        {
            throw merge.Refused(FailureKind.InvalidOperation, "SourceDiffers", $"'{merge.Snapshot.Volume.Name}' is not the snapshot's origin any more");
        }

        if (origin.IsOpen || snapshot.IsOpen || origin.IsMerging)
        {
            throw merge.Refused(
                FailureKind.ResourceBusy,
                "SourceInUse",
                origin.IsMerging ? "another snapshot is being merged into it" : "the volume or the snapshot is open ('lsblk' shows it)");
        }

        merge.endangered = merge.NameEndangered();
        return merge;
    }

    public override bool IsSwitched() => Find() is ({ IsMerging: false } origin, null) && HasBegun(origin);

    public override bool IsIrreversible() =>
        Find() is (var origin, var snapshot) && origin is not null && HasBegun(origin) && (origin.IsMerging || snapshot is null);

    public override void Prepare(CancellationToken cancellation)
    {
        // Nothing to prepare: the snapshot is complete.
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
            // An earlier run may have started the merge, and the host may have restarted since.
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

    /// <summary>LVM hides a snapshot that is being merged.</summary>
    private (LogicalVolume? Origin, LogicalVolume? Snapshot) Find()
    {
        var (group, name) = Origin;
        var snapshot = LogicalVolumeMethod.NameOf(Snapshot).Name;
        var found = lvm.Find(group, name, snapshot);
        return (found.FirstOrDefault(volume => volume.Name == name), found.FirstOrDefault(volume => volume.Name == snapshot));
    }

    /// <summary>Other snapshots whose free COW space is smaller than what the merge overwrites.</summary>
    private string NameEndangered()
    {
        var (group, name) = LogicalVolumeMethod.NameOf(Snapshot);
        var origin = Snapshot.Detail(LogicalVolumeMethod.OriginDetail);
        var snapshots = lvm.FindCowSpace(group, origin);
        var used = snapshots.Where(other => other.Name == name).Sum(other => other.Used);
        var names = snapshots.Where(other => other.Name != name && other.Left < used).Select(other => $"'{group}/{other.Name}'").ToList();
        return names.Count == 0 ? "" : $". MAY BE LOST, because they have too little COW space left for what it overwrites: {string.Join(", ", names)}";
    }
}
