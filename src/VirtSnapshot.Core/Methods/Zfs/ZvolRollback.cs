using VirtSnapshot.Methods.Volumes;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>Rolls a zvol back to a snapshot (<c>zfs rollback</c>). The snapshot is kept.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>ZFS can roll back past a newer snapshot only by destroying it. Ours are destroyed; other newer snapshots make the restore fail.</item>
/// <item>The rollback is atomic, also while the device is open: its user would then read and write other data.</item>
/// <item>A completed rollback leaves no trace, so the zvol gets a property as a mark, which a rollback does not revert. It also records how much was written
/// since the snapshot: a repair after a crash must not roll back what a guest has written since.</item>
/// </list>
/// </remarks>
internal sealed class ZvolRollback(MethodRequest request, RestoreRecord disk) : DeviceRestoration(request, disk)
{
    private const string Mark = "virtsnapshot:restore";

    // Neither the zvol nor a partition of it is mounted, or held by another device. The kernel lists them by device number.
    private const string UnheldScript = """
        set -e
        node=$(readlink -f -- "$1")
        for part in "/sys/class/block/${node##*/}" "/sys/class/block/${node##*/}"p[0-9]*; do
            [ -r "$part/dev" ] || continue
            read -r number <"$part/dev"
            if grep -qF " $number " /proc/self/mountinfo; then exit 1; fi
            [ -z "$(ls -A "$part/holders")" ]
        done
        """;

    private readonly ZfsPrograms zfs = new(request.Host);

    public override string Description => $"'{Zvol}' is rolled back to '{Snapshot.Name}', which is irreversible";

    public override bool IsFinal => true;

    public override string Device => ZfsName.NodeOf(Zvol);

    private string Zvol => ZfsSnapshot.Read(Snapshot).Volume.Name;

    /// <summary>Followed by the bytes written since the snapshot when the rollback began.</summary>
    private string Begun => $"{Disk.Group:N}-begun-";

    private string Done => $"{Disk.Group:N}-done";

    public static ZvolRollback Plan(RestoreRequest request, SnapshotRecord record)
    {
        var planned = new ZvolRollback(request, new RestoreRecord(request.Group, record, record, []));
        if (!request.Host.RunAsRoot("sh", ["-c", UnheldScript, "sh", planned.Device]).Succeeded)
        {
            throw planned.Refused(
                FailureKind.ResourceBusy,
                "SourceInUse",
                $"'{planned.Device}' is mounted on the host, or part of another device ('lsblk {planned.Device}' shows it)");
        }

        planned.zfs.RequirePool(ZfsName.PoolOf(planned.Zvol), isWritten: true);
        var ours = request.Recorded
            .Where(other => other.Method == record.Method)
            .ToDictionary(other => (other.Target, VolumeSnapshot.Read(other).Name), other => other);
        var lost = new List<SnapshotRecord>();
        foreach (var newer in planned.FindNewer())
        {
            lost.Insert(0, ours.GetValueOrDefault((record.Target, newer)) ?? throw planned.Refused(
                FailureKind.ResourceBusy,
                "NewerSnapshotsRemain",
                $"ZFS would destroy '{newer}', which is newer and not recorded for this disk; destroy it yourself if it is not needed"));
        }

        foreach (var newer in lost)
        {
            var why = new ZfsRemoval(request.Host, ZfsSnapshot.Read(VolumeSnapshot.Read(newer))).WhyInUse()
                ?? (request.Host.ReadOpenFiles().FindUsers(newer.Source.Path!) is [{ } reader, ..] ? $"{reader} has '{newer.Source}' open" : null);
            if (why is not null)
            {
                throw planned.Refused(
                    FailureKind.ResourceBusy, "SourceInUse", $"ZFS would destroy the newer snapshot '{VolumeSnapshot.Read(newer).Name}', and {why}");
            }
        }

        return new ZvolRollback(request, planned.Disk with { Lost = lost });
    }

    public override bool IsSwitched() => ReadMark() is { } mark
        && (mark == Done || (mark.StartsWith(Begun, StringComparison.Ordinal) && Written() == "0" && !LostRemain().Any()));

    /// <summary>The loss of a newer snapshot is irreversible; a rollback that ZFS refused has changed nothing.</summary>
    public override bool IsIrreversible() => IsSwitched() || (ReadMark() is not null && LostRemain().Count() < Disk.Lost.Count);

    public override void Prepare(CancellationToken cancellation)
    {
        // Nothing to prepare: the snapshot is complete.
    }

    public override void Switch()
    {
        // A snapshot may have been made since this was planned.
        if (FindNewer().Except(Disk.Lost.Select(newer => VolumeSnapshot.Read(newer).Name)).FirstOrDefault() is { } foreign)
        {
            throw Failed($"ZFS would destroy '{foreign}', which was made since the restore began; destroy it yourself if it is not needed");
        }

        if (ReadMark() is not { } mark || !mark.StartsWith(Begun, StringComparison.Ordinal))
        {
            Do("zfs", "set", $"{Mark}={Begun}", Zvol);
            Do("zfs", "set", $"{Mark}={Begun}{Written()}", Zvol);
        }
        else if (IsInDoubt())
        {
            throw Failed(Doubt);
        }

        foreach (var newer in Disk.Lost)
        {
            new ZfsRemoval(Host, ZfsSnapshot.Read(VolumeSnapshot.Read(newer))).Run();
        }

        Do("zfs", "rollback", Snapshot.Name);
        Do("zfs", "set", $"{Mark}={Done}", Zvol);
    }

    protected override string? TakeBack() => IsInDoubt() ? Doubt : TidyUp();

    protected override string? TidyUp()
    {
        Do("zfs", "inherit", Mark, Zvol);
        return null;
    }

    private string? ReadMark() => zfs.Find(Zvol, Mark) is { } facts && facts[Mark].Source == "local" ? facts[Mark].Value : null;

    private string Doubt =>
        $"'{Zvol}' was written to since an interrupted rollback began, and it is unknown whether before or after the rollback. "
        + $"Run 'zfs rollback {Snapshot.Name}' to roll it back, or 'zfs inherit {Mark} {Zvol}' to keep its data, then Repair-DiskSnapshot";

    private bool IsInDoubt() => ReadMark() is { } mark
        && mark.StartsWith(Begun, StringComparison.Ordinal) && mark != Begun
        && Written() is var written && written != "0" && mark != $"{Begun}{written}";

    /// <summary>Bytes written since the snapshot: 0 right after a rollback.</summary>
    private string Written() => Do("zfs", "get", "-H", "-p", "-o", "value", $"written{Snapshot.Name[Zvol.Length..]}", Zvol).Trim();

    private IEnumerable<SnapshotRecord> LostRemain() => Disk.Lost.Where(newer => zfs.Find(VolumeSnapshot.Read(newer).Name, "type") is not null);

    /// <summary>Snapshots and bookmarks that are newer than this one, the oldest first.</summary>
    private IEnumerable<string> FindNewer()
    {
        var names = Do("zfs", "list", "-H", "-p", "-t", "snapshot,bookmark", "-o", "name", "-s", "createtxg", "-d", "1", Zvol)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return names.SkipWhile(name => name != Snapshot.Name).Skip(1);
    }
}
