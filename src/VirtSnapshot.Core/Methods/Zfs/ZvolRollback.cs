using VirtSnapshot.Methods.Volumes;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>A zvol goes back to a snapshot (<c>zfs rollback</c>), which stays.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>ZFS knows no way back past a newer snapshot but to destroy that: ours are, and where there are others it is refused.</item>
/// <item>It is done in one step, also while somebody has the device open, who would then read and write what he does not expect.</item>
/// <item>Whether it has been done cannot be seen afterwards, so the zvol carries a mark: its properties do not go back with it. It tells how much had been written, too: whoever
/// takes it up after a crash must not roll back what a guest has written since.</item>
/// </list>
/// </remarks>
internal sealed class ZvolRollback(MethodRequest request, RestoreRecord disk) : DeviceRestoration(request, disk)
{
    private const string Mark = "virtsnapshot:restore";

    // Neither the zvol nor a partition of it is mounted, or held by another device. The kernel knows them by numbers.
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

    public override string Description => $"'{Zvol}' is rolled back to '{Snapshot.Name}', which cannot be taken back once it has begun";

    public override bool IsFinal => true;

    public override string Device => ZfsName.NodeOf(Zvol);

    private string Zvol => ZfsSnapshot.Read(Snapshot).Volume.Name;

    /// <summary>Followed by the bytes that had been written since the snapshot when it began.</summary>
    private string Begun => $"{Disk.Group:N}-begun-";

    private string Done => $"{Disk.Group:N}-done";

    public static ZvolRollback Plan(RestoreRequest request, SnapshotRecord record)
    {
        var planned = new ZvolRollback(request, new RestoreRecord(request.Group, record, record, []));
        if (!request.Host.RunAsRoot("sh", ["-c", UnheldScript, "sh", planned.Device]).Succeeded)
        {
            throw planned.Refused(FailureKind.ResourceBusy, "SourceInUse", $"'{planned.Device}' is mounted on the host, or part of another device ('lsblk {planned.Device}' tells more)");
        }

        planned.zfs.RequirePool(ZfsName.PoolOf(planned.Zvol), isWritten: true);
        var ours = request.Recorded.Where(other => other.Method == record.Method).ToDictionary(other => (other.Target, VolumeSnapshot.Read(other).Name), other => other);
        var lost = new List<SnapshotRecord>();
        foreach (var newer in planned.FindNewer())
        {
            lost.Insert(0, ours.GetValueOrDefault((record.Target, newer)) ?? throw planned.Refused(
                FailureKind.ResourceBusy, "NewerSnapshotsRemain", $"ZFS would destroy '{newer}', which is newer and not recorded with this disk; destroy it yourself if it is not needed"));
        }

        foreach (var doomed in lost)
        {
            var why = new ZfsRemoval(request.Host, ZfsSnapshot.Read(VolumeSnapshot.Read(doomed))).WhyInUse()
                ?? (request.Host.ReadOpenFiles().FindUsers(doomed.Source.Path!) is [{ } reader, ..] ? $"{reader} has '{doomed.Source}' open" : null);
            if (why is not null)
            {
                throw planned.Refused(FailureKind.ResourceBusy, "SourceInUse", $"the newer snapshot '{VolumeSnapshot.Read(doomed).Name}' would have to go, and {why}");
            }
        }

        return new ZvolRollback(request, planned.Disk with { Lost = lost });
    }

    public override bool IsSwitched() => ReadMark() is { } mark && (mark == Done || (mark.StartsWith(Begun, StringComparison.Ordinal) && Written() == "0" && !LostRemain().Any()));

    /// <summary>Newer snapshots that are destroyed do not come back; a rollback that ZFS refused has harmed nobody.</summary>
    public override bool IsIrreversible() => IsSwitched() || (ReadMark() is not null && LostRemain().Count() < Disk.Lost.Count);

    public override void Prepare(CancellationToken cancellation)
    {
        // The snapshot has all that it needs.
    }

    public override void Switch()
    {
        // Others may have made one since this was planned.
        if (FindNewer().Except(Disk.Lost.Select(doomed => VolumeSnapshot.Read(doomed).Name)).FirstOrDefault() is { } foreign)
        {
            throw Failed($"'{foreign}' was made meanwhile, which ZFS would destroy; destroy it yourself if it is not needed");
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

        foreach (var doomed in Disk.Lost)
        {
            new ZfsRemoval(Host, ZfsSnapshot.Read(VolumeSnapshot.Read(doomed))).Run();
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
        $"'{Zvol}' was written to since an earlier run began to roll it back, and nobody knows whether that was before or after. To roll it back all the same, 'zfs rollback {Snapshot.Name}'; "
        + $"to keep what it holds, 'zfs inherit {Mark} {Zvol}'; and then Repair-DiskSnapshot again";

    private bool IsInDoubt() => ReadMark() is { } mark && mark.StartsWith(Begun, StringComparison.Ordinal) && mark != Begun && Written() is var written && written != "0" && mark != $"{Begun}{written}";

    /// <summary>Bytes that were written since the snapshot: none, right after a rollback.</summary>
    private string Written() => Do("zfs", "get", "-H", "-p", "-o", "value", $"written{Snapshot.Name[Zvol.Length..]}", Zvol).Trim();

    private IEnumerable<SnapshotRecord> LostRemain() => Disk.Lost.Where(doomed => zfs.Find(VolumeSnapshot.Read(doomed).Name, "type") is not null);

    /// <summary>Snapshots and bookmarks that were made after this one, the oldest first.</summary>
    private IEnumerable<string> FindNewer()
    {
        var names = Do("zfs", "list", "-H", "-p", "-t", "snapshot,bookmark", "-o", "name", "-s", "createtxg", "-d", "1", Zvol)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return names.SkipWhile(name => name != Snapshot.Name).Skip(1);
    }
}
