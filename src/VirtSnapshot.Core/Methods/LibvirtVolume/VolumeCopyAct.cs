using VirtSnapshot.Domains;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>All disks of one set, one after the other: libvirt has no call for several volumes, and one connection has one user.</summary>
internal sealed class VolumeCopyAct(PlanRequest request, IReadOnlyList<VolumeCopyPart> parts) : ISnapshotSteps
{
    private const long SlowBytes = 32L << 30;

    public IReadOnlyList<PlannedSnapshot> Disks { get; } =
    [
        .. parts.Select(part => new PlannedSnapshot(
            part.Disk,
            part.Copy.ToRecord(part.Disk),
            [$"{part.Copy}"],
            part.Disk.Cache == "unsafe" ? $"disk '{part.Disk.Target}' has cache='unsafe', which drops the guest's flushes, so what lies on the storage may be older than what the guest has flushed" : null)),
    ];

    /// <summary>Sharing the blocks of a large file takes its time.</summary>
    public bool IsSlow => parts.Any(part => part.Volume is { IsFile: true, Allocation: > SlowBytes });

    public void Prepare(CancellationToken cancellation)
    {
        // libvirt has no call that does a part of it ahead. Where its host can be reached, little is left to be written in the act.
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
            // Nothing but libvirt is needed.
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
                throw VolumeCopying.Explain(e, part.Disk, $"the volume '{part.Copy}' for disk '{part.Disk.Target}' of domain '{request.Domain.Name}'", "SnapshotNotTaken");
            }
        }
    }

    public void Complete(VmDomain now)
    {
        foreach (var part in parts)
        {
            if (!part.Copy.IsShown(request))
            {
                throw new VirtSnapshotException(
                    FailureKind.InvalidResult,
                    "SnapshotNotTaken",
                    part.Disk,
                    $"The volume '{part.Copy}' for disk '{part.Disk.Target}' of domain '{now.Name}' was made, but libvirt does not show it in its pool.");
            }
        }
    }

    private void Take(VolumeCopyPart part)
    {
        var connection = request.Native.Connection;
        if (part.Volume.IsLogical)
        {
            part.Copy.TakeSnapshot(connection, part.Volume.Path, part.Room);
            return;
        }

        // qemu-img makes the copies of anything but raw, and shares no blocks. Nobody waits for a domain that is shut off.
        VolumeCopying.Copy(
            connection,
            part.Copy.Pool,
            part.Copy.DefineUnwritable(part.Volume.Capacity),
            part.Volume.Path,
            canShareBlocks: part.Volume.Format == "raw",
            request.Domain.IsActive
                ? null
                : () => request.Warn($"Disk '{part.Disk.Target}' of domain '{request.Domain.Name}' is copied in full: its volume '{part.Volume.Path}' cannot share its blocks with a copy."));
    }
}
