using VirtSnapshot.Domains;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>Copies the volumes of one set one after the other: libvirt has no call for several volumes, and a connection serves one call at a time.</summary>
internal sealed class VolumeCopyAct(PlanRequest request, IReadOnlyList<VolumeCopyPart> parts) : ISnapshotSteps
{
    private const long SlowBytes = 32L << 30;

    public IReadOnlyList<PlannedSnapshot> Disks { get; } =
    [
        .. parts.Select(part => new PlannedSnapshot(
            part.Disk,
            part.Copy.ToRecord(part.Disk),
            [$"{part.Copy}"],
            part.Disk.Cache == "unsafe"
                ? $"disk '{part.Disk.Target}' has cache='unsafe', which ignores the guest's flushes, so the snapshot may lack data that the guest has flushed"
                : null)),
    ];

    /// <summary>Sharing the blocks of a large file takes seconds.</summary>
    public bool IsSlow => parts.Any(part => part.Volume is { IsFile: true, Allocation: > SlowBytes });

    public void Prepare(CancellationToken cancellation)
    {
        // libvirt cannot do a part of the work ahead. With access to the host, flushing ahead shortens it.
        if (request.Host.WhyNoShell is not null)
        {
            return;
        }

        try
        {
            foreach (var part in parts)
            {
                request.Host.RunAsRoot("sync", [part.Volume.IsFile ? "--file-system" : "--data", "--", part.Volume.Path], cancellation);
            }
        }
        catch (VirtSnapshotException e) when (e.ErrorId is "SudoRefused" or "ProgramMissing")
        {
            // The method needs only libvirt.
        }
    }

    public void Take()
    {
        foreach (var part in parts)
        {
            try
            {
                Take(part);
            }
            catch (LibvirtException e)
            {
                throw VolumeCopying.Explain(
                    e, part.Disk, $"the volume '{part.Copy}' for disk '{part.Disk.Target}' of domain '{request.Domain.Name}'", "SnapshotNotTaken");
            }
        }
    }

    public void Complete(VmDomain now)
    {
        foreach (var part in parts)
        {
            if (!part.Copy.IsListed(request))
            {
                throw new VirtSnapshotException(
                    FailureKind.InvalidResult,
                    "SnapshotNotTaken",
                    part.Disk,
                    $"The volume '{part.Copy}' for disk '{part.Disk.Target}' of domain '{now.Name}' was made, but libvirt does not list it in its pool.");
            }
        }
    }

    private void Take(VolumeCopyPart part)
    {
        var connection = request.Native.Connection;
        if (part.Volume.IsLogical)
        {
            part.Copy.TakeSnapshot(connection, part.Volume.Path, part.CowBytes);
            return;
        }

        // libvirt copies other formats than raw with qemu-img, which shares no blocks. A full copy is possible while the domain is shut off.
        VolumeCopying.Copy(
            connection,
            part.Copy.Pool,
            part.Copy.DefineUnwritable(part.Volume.Capacity),
            part.Volume.Path,
            canShareBlocks: part.Volume.Format == "raw",
            request.Domain.IsActive
                ? null
                : () => request.Warn($"Disk '{part.Disk.Target}' of domain '{request.Domain.Name}' is copied in full: "
                    + $"its volume '{part.Volume.Path}' cannot share its blocks with a copy."));
    }
}

/// <summary>One disk of a set.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Volume">Its volume.</param>
/// <param name="Copy">Its snapshot or copy.</param>
/// <param name="CowBytes">The COW space of an LVM snapshot in bytes; 0 for a file.</param>
internal sealed record VolumeCopyPart(VmDisk Disk, PoolVolume Volume, VolumeCopy Copy, long CowBytes);
