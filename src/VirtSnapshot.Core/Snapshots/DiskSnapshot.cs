using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>A snapshot of one disk.</summary>
public sealed record DiskSnapshot
{
    /// <summary>The domain's name.</summary>
    public string Domain { get; internal init; } = "";

    /// <summary>The domain's UUID.</summary>
    public Guid DomainUuid { get; internal init; }

    /// <summary>The disk's target.</summary>
    public string Disk { get; internal init; } = "";

    /// <summary>The snapshot's name; empty for an overlay without a record.</summary>
    public string Name { get; internal init; } = "";

    /// <summary>The atomic set it belongs to; empty for an overlay without a record.</summary>
    public Guid Group { get; internal init; }

    /// <summary>
    /// What identifies this snapshot of this disk: the set and the disk's target, <c>GROUP/DISK</c>. Empty for an overlay without a record.
    /// </summary>
    public string Id => Group == Guid.Empty ? "" : $"{Group}/{Disk}";

    /// <summary>The method that made it.</summary>
    public string Method { get; internal init; } = "";

    /// <summary>Its consistency; null for an overlay without a record.</summary>
    public Consistency? Consistency { get; internal init; }

    /// <summary>When it was taken.</summary>
    public DateTimeOffset? CreatedAt { get; internal init; }

    /// <summary>How long the guest was frozen, from the freeze call to the thaw's return; null where it was not.</summary>
    public TimeSpan? FreezeWindow { get; internal init; }

    /// <summary>The disk that the domain uses since; null where it still uses the original one.</summary>
    public VmDisk? ModifiedDisk { get; internal init; }

    /// <summary>What the backup is read from: immutable until the snapshot is removed.</summary>
    public DiskSource BackupSource { get; internal init; } = DiskSource.None;

    /// <summary>
    /// The copy of the domain's UEFI variables that is kept with the set, a file that only root can read; null where there is none. Its content is checked
    /// when it is restored.
    /// </summary>
    public DiskSource? NvramSource { get; internal init; }

    /// <summary>
    /// The domain's definition when the snapshot was taken, without passwords; null where no copy was kept, or the copy is unreadable or changed.
    /// </summary>
    public string? DomainXml { get; internal init; }

    /// <summary>Whether the snapshot matches its record.</summary>
    public SnapshotState State { get; internal init; }

    /// <summary>
    /// The usage of its COW space, or of its thin pool, in percent. At 100 the snapshot is lost. Null where only the storage's free space limits it.
    /// </summary>
    public double? FillPercent { get; internal init; }

    /// <summary>The libvirt URI of the domain.</summary>
    public string Uri { get; internal init; } = "";

    /// <inheritdoc/>
    public override string ToString() => $"{Domain}/{Disk}@{Name}";

    internal static DiskSnapshot From(VmDomain domain, SnapshotSet set, SetDisk disk, SnapshotState state) => new()
    {
        Domain = domain.Name,
        DomainUuid = domain.Uuid,
        Disk = disk.Record.Target,
        Name = set.Name.ToString(),
        Group = set.Group,
        Method = disk.Record.Method,
        Consistency = disk.Consistency,
        CreatedAt = set.CreatedAt,
        FreezeWindow = set.FreezeWindow,
        ModifiedDisk = disk.ChangedDisk ? domain.FindDiskShowing(disk.Record.Target, disk.Record.Method) : null,
        BackupSource = disk.Record.Source,
        NvramSource = SetFolder.FindCopy(domain, set, GuestStatePart.Nvram) is { } nvram ? DiskSource.ForPath(nvram, "raw", isBlockDevice: false) : null,
        DomainXml = set.Definition,
        State = state,
        Uri = domain.Uri,
    };
}
