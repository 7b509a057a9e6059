using System.Collections.Concurrent;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>Creates the overlays ahead, which is most of the time of libvirt's own call; taking is one transaction.</summary>
internal sealed class QemuSnapshotAct : ISnapshotSteps
{
    // A switch takes about 10 ms per disk, on a loaded host up to a second. libvirt itself waits 30 s for a job that holds the domain.
    private static readonly TimeSpan SwitchTime = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SwitchTimeOfDisk = TimeSpan.FromMilliseconds(250);

    private readonly PlanRequest request;
    private readonly IReadOnlyList<Overlay> overlays;
    private readonly string switchXml;

    // Undo deletes only files that this run has created.
    private readonly ConcurrentBag<Overlay> created = [];

    // The outcome of these is unknown: the connection to the host was lost.
    private readonly ConcurrentBag<Overlay> unsure = [];

    public QemuSnapshotAct(PlanRequest request, IReadOnlyList<Overlay> overlays)
    {
        this.request = request;
        this.overlays = overlays;
        switchXml = OverlaySwitchXml.Build(request.Domain, request.Name, overlays);
        Disks =
        [
            .. overlays.Select(overlay => new PlannedSnapshot(
                overlay.Disk,
                new SnapshotRecord(overlay.Disk.Target, QemuMethod.MethodName, overlay.Base, OverlayData.ToElement(overlay.Path, overlay.Stem)),
                [overlay.Path])),
        ];
    }

    public IReadOnlyList<PlannedSnapshot> Disks { get; }

    public void Prepare(CancellationToken cancellation)
    {
        using var ahead = request.Host.ReadAhead(overlays.Select(overlay => overlay.Base.Path).OfType<string>());
        try
        {
            Parallel.ForEach(overlays, new ParallelOptions { CancellationToken = cancellation }, overlay =>
            {
                try
                {
                    overlay.Create(request.Host);
                    created.Add(overlay);
                }
                catch (VirtSnapshotException e) when (e.ErrorId == "HostUnreachable")
                {
                    unsure.Add(overlay);
                    throw;
                }
            });
        }
        catch (AggregateException e)
        {
            throw e.InnerExceptions[0];
        }

        foreach (var folder in overlays.Select(overlay => Path.GetDirectoryName(overlay.Path)!).Distinct(StringComparer.Ordinal))
        {
            request.Host.SyncDirectory(folder);
        }
    }

    public void Abandon()
    {
        foreach (var overlay in created)
        {
            request.Host.Delete(overlay.Path);
        }

        // A repair checks the file's content before it deletes it.
        if (unsure.FirstOrDefault(overlay => request.Host.Stat(overlay.Path) is not null) is { } left)
        {
            throw Overlay.AlreadyThere(left.Disk, left.Path);
        }
    }

    public void Take() => InterruptibleCall.RunWithin((request.SwitchTime ?? SwitchTime) + (overlays.Count * SwitchTimeOfDisk), () =>
    {
        try
        {
            request.Native.SwitchToOverlays(switchXml);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.OperationTimeout)
        {
            throw DomainJobs.HeldLock(request.Domain, e);
        }
    });

    public void Complete(VmDomain now)
    {
        var stored = now is { IsActive: true, IsPersistent: true } ? DomainReader.ReadStored(request.Native, now) : null;
        foreach (var overlay in overlays)
        {
            var disk = now.FindDisk(overlay.Disk.Target);
            var chain = disk is null ? [] : ImageChain.Of(request.Host, now, disk);
            if (chain.Count < 2 || chain[0].Path != overlay.Path || !chain[1].IsSameAs(overlay.Base))
            {
                throw NotTaken(overlay, "does not write to");
            }

            if (stored?.FindDisk(overlay.Disk.Target) is { } kept && kept.Source.IsSameAs(overlay.Base))
            {
                throw NotTaken(overlay, "would not write, after its next start, to");
            }
        }
    }

    private VirtSnapshotException NotTaken(Overlay overlay, string problem) => new(
        FailureKind.InvalidResult,
        "SnapshotNotTaken",
        overlay.Disk,
        $"libvirt reported success, but disk '{overlay.Disk.Target}' of domain '{request.Domain.Name}' {problem} '{overlay.Path}' on top of '{overlay.Base}'.");
}
