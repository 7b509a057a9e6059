using VirtSnapshot.Methods.Volumes;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>A thin snapshot of the snapshot takes the volume's name. No block is copied, and no snapshot is lost.</summary>
/// <remarks>
/// <c>lvconvert --merge</c> is not used: it would use the snapshot up, and it takes only snapshots of what has the volume's place, which after one merge
/// the others are no more. That there is no volume of that name between the two renamings cannot harm anybody: the domain is shut off, and could not be started.
/// </remarks>
internal sealed class LvmThinSwap(MethodRequest request, RestoreRecord disk) : DeviceRestoration(request, disk)
{
    private const string Tag = "virtsnapshot";

    private readonly LvmPrograms lvm = new(request.Host);
    private readonly string suffix = $"{disk.Group.ToString("N")[..16]}-{string.Concat(disk.Record.Target.Where(char.IsAsciiLetterOrDigit))}";

    public override string Description => $"a snapshot of '{Snapshot.Name}' takes the place of '{Snapshot.Volume.Name}'; what that holds now is deleted";

    public override bool IsFinal => false;

    public override string Device => $"/dev/{Snapshot.Volume.Name}";

    private string Group => LogicalVolumeMethod.NameOf(Snapshot).Group;

    private string Live => LvmName.Split(Snapshot.Volume.Name) is ({ } group, var name) && group == Group
        ? name
        : throw VolumeSnapshot.Damaged(Snapshot, $"'{Snapshot.Volume.Name}' is no logical volume of its group");

    private string New => $"virtsnapshot-new-{suffix}";

    private string Old => $"virtsnapshot-old-{suffix}";

    /// <summary>What a guest has written to a restored volume, when the restore was undone all the same.</summary>
    private string Written => $"virtsnapshot-written-{suffix}";

    public static LvmThinSwap Plan(RestoreRequest request, SnapshotRecord record)
    {
        var swap = new LvmThinSwap(request, new RestoreRecord(request.Group, record, record, []));
        if (!LvmName.FitsDeviceMapper(swap.Group, swap.Written))
        {
            throw swap.Refused(FailureKind.NotImplemented, "RestoreNotSupported", $"device-mapper has no room for the name '{swap.Group}/{swap.Written}'");
        }

        if (swap.Find(swap.Live) is not { IsThin: true } live)
        {
            throw swap.Refused(FailureKind.ObjectNotFound, "SourceMissing", $"there is no thin volume '{swap.Snapshot.Volume.Name}'");
        }

        if (live.IsOpen)
        {
            throw swap.Refused(FailureKind.ResourceBusy, "SourceInUse", $"'{swap.Device}' is open: mounted, or part of another device ('lsblk {swap.Device}' tells more)");
        }

        if (new[] { swap.New, swap.Old, swap.Written }.FirstOrDefault(name => swap.Find(name) is not null) is { } taken)
        {
            throw swap.Refused(
                FailureKind.ResourceExists,
                "OverlayExists",
                $"there is a volume '{swap.Group}/{taken}' already, which may hold what a guest has written: give it another name ('lvrename')");
        }

        return swap;
    }

    public override bool IsSwitched() => Find(Live) is not null && Find(New) is null && Find(Old) is not null;

    public override void Prepare(CancellationToken cancellation)
    {
        if (Find(New) is null)
        {
            // The volume's own tags are the administrator's, and stay with its name.
            var tags = (Find(Live)?.Tags ?? []).SelectMany(tag => (string[])["--addtag", tag]);
            Do(
                "lvcreate",
                [
                    "--yes", "--snapshot", "--setactivationskip", "n", "--activate", "n", "--permission", "rw",
                    "--addtag", Tag, "--addtag", LogicalVolumeMethod.TagOf(Snapshot), .. tags, "--name", New, Snapshot.Name,
                ]);
        }
    }

    public override void Switch()
    {
        if (Find(Live) is not null)
        {
            Do("lvchange", "--activate", "n", FullName(Live));
            Rename(Live, Old);
        }

        Rename(New, Live);
        Settle();
    }

    protected override string? TakeBack()
    {
        if (Find(Old) is not null)
        {
            if (Find(Live) is { } live)
            {
                if (live.IsOpen)
                {
                    return $"'{Device}' is open: shut the domain off first";
                }

                // What was written to it, if the domain ran meanwhile, is somebody's.
                Activate();
                var isUntouched = FileRestoration.IsSameContent(Host, Snapshot.At, Device);
                Do("lvchange", "--activate", "n", FullName(Live));
                Rename(Live, isUntouched ? New : Written);
            }

            Rename(Old, Live);
            Activate();
        }

        if (Find(New) is not null)
        {
            Remove(New);
        }

        return Find(Written) is null
            ? null
            : $"'{FullName(Written)}' was left where it is: the domain was started meanwhile, and it holds what the guest has written. "
                + "Give it another name ('lvrename'), to keep that";
    }

    protected override string? TidyUp()
    {
        if (Find(Old) is not { } old)
        {
            return null;
        }

        if (old.IsOpen || Find(Live) is null)
        {
            return $"'{FullName(Old)}' was left where it is: {(old.IsOpen ? "somebody has it open" : $"there is no '{FullName(Live)}'")}";
        }

        // Whoever died between renaming it and this has left it a snapshot of ours that is not active.
        Settle();
        Remove(Old);
        return null;
    }

    /// <summary>Makes an ordinary volume of what has taken the place.</summary>
    private void Settle()
    {
        Do("lvchange", "--deltag", Tag, "--deltag", LogicalVolumeMethod.TagOf(Snapshot), FullName(Live));
        Activate();
    }

    private LogicalVolume? Find(string name) => lvm.Find(Group, name) is [var volume] ? volume : null;

    private string FullName(string name) => $"{Group}/{name}";

    private void Rename(string name, string newName) => Do("lvrename", Group, name, newName);

    private void Activate() => Do("lvchange", "--activate", "y", "--ignoreactivationskip", FullName(Live));

    private void Remove(string name) => Do("lvremove", "--yes", "--force", FullName(name));
}
