using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.QemuInternal;

/// <summary>Snapshots the images of one set one after the other: the domain is shut off, so they do not change.</summary>
internal sealed class InternalSnapshotAct(IHost host, IReadOnlyList<(VmDisk Disk, InternalSnapshot Snapshot)> parts) : ISnapshotSteps
{
    public IReadOnlyList<PlannedSnapshot> Disks { get; } =
        [.. parts.Select(part => new PlannedSnapshot(part.Disk, part.Snapshot.ToRecord(part.Disk), [$"{part.Snapshot}"]))];

    public void Take()
    {
        foreach (var (_, snapshot) in parts)
        {
            snapshot.Take(host);
        }
    }

    public void Complete(VmDomain now)
    {
        foreach (var (disk, snapshot) in parts)
        {
            if (!snapshot.Exists(host))
            {
                throw new VirtSnapshotException(
                    FailureKind.InvalidResult,
                    "SnapshotNotTaken",
                    disk,
                    $"The internal snapshot '{snapshot.Name}' of disk '{disk.Target}' of domain '{now.Name}' was taken, but is not in '{snapshot.Image}'.");
            }
        }
    }
}
