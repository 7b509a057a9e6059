using VirtSnapshot.Methods.Volumes;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>Restores a thin volume: a thin snapshot of the snapshot gets the volume's name. No block is copied, and no snapshot is lost.</summary>
/// <remarks>
/// <c>lvconvert --merge</c> is not used: it deletes the snapshot, and works only for snapshots of the current volume, which the other snapshots are not after
/// a merge. Between the two renamings no volume has the name; that is safe, because the domain is shut off and cannot be started.
/// </remarks>
internal sealed class LvmThinSwap(MethodRequest request, RestoreRecord disk) : DeviceRestoration(request, disk)
{
    private const string Tag = "virtsnapshot";

    private readonly LvmPrograms lvm = new(request.Host);
    private readonly string suffix = $"{disk.Group.ToString("N")[..16]}-{string.Concat(disk.Record.Target.Where(char.IsAsciiLetterOrDigit))}";

    public override string Description => $"a snapshot of '{Snapshot.Name}' replaces '{Snapshot.Volume.Name}'; its current content is deleted";

    public override bool IsFinal => false;

    public override string Device => $"/dev/{Snapshot.Volume.Name}";

    private string Group => LogicalVolumeMethod.NameOf(Snapshot).Group;

    private string Live => LvmName.Split(Snapshot.Volume.Name) is ({ } group, var name) && group == Group
        ? name
        : throw VolumeSnapshot.Damaged(Snapshot, $"'{Snapshot.Volume.Name}' is not a logical volume of its group");

    private string New => $"virtsnapshot-new-{suffix}";

    private string Old => $"virtsnapshot-old-{suffix}";

    /// <summary>A restored volume that the guest has written to before the restore was undone.</summary>
    private string Written => $"virtsnapshot-written-{suffix}";

    public static LvmThinSwap Plan(RestoreRequest request, SnapshotRecord record)
    {
        var swap = new LvmThinSwap(request, new RestoreRecord(request.Group, record, record, []));
        if (!LvmName.FitsDeviceMapper(swap.Group, swap.Written))
        {
            throw swap.Refused(FailureKind.NotImplemented, "RestoreNotSupported", $"the name '{swap.Group}/{swap.Written}' is too long for device-mapper");
        }

        if (swap.Find(swap.Live) is not { IsThin: true } live)
        {
            throw swap.Refused(FailureKind.ObjectNotFound, "SourceMissing", $"there is no thin volume '{swap.Snapshot.Volume.Name}'");
        }

        if (live.IsOpen)
        {
            throw swap.Refused(
                FailureKind.ResourceBusy, "SourceInUse", $"'{swap.Device}' is open: mounted, or part of another device ('lsblk {swap.Device}' shows it)");
        }

        if (new[] { swap.New, swap.Old, swap.Written }.FirstOrDefault(name => swap.Find(name) is not null) is { } taken)
        {
            throw swap.Refused(
                FailureKind.ResourceExists,
                "OverlayExists",
                $"the volume '{swap.Group}/{taken}' exists already, and may hold data of the guest: give it another name ('lvrename')");
        }

        return swap;
    }

    public override bool IsSwitched() => Find(Live) is not null && Find(New) is null && Find(Old) is not null;

    public override void Prepare(CancellationToken cancellation)
    {
        if (Find(New) is null)
        {
            // The administrator's tags of the volume are copied to the volume that gets its name.
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

                // If the domain has run since, the volume holds data of the guest.
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
            : $"'{FullName(Written)}' was kept: the domain has run since the restore, and this volume holds what the guest has written. "
                + "Give it another name ('lvrename') to keep its data";
    }

    protected override string? TidyUp()
    {
        if (Find(Old) is not { } old)
        {
            return null;
        }

        if (old.IsOpen || Find(Live) is null)
        {
            return $"'{FullName(Old)}' was kept: {(old.IsOpen ? "it is open" : $"there is no '{FullName(Live)}'")}";
        }

        // After a crash between the renaming and this the volume still has our tags and is not active.
        Settle();
        Remove(Old);
        return null;
    }

    /// <summary>Makes the new volume an ordinary one.</summary>
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
