using System.Diagnostics;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>All volumes of one set that one method snapshots.</summary>
internal sealed class VolumeAct : ISnapshotSteps
{
    /// <summary>Longer than any storage needs. A suspended pool or a dead server would block for ever.</summary>
    private static readonly TimeSpan LongestAct = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan LinkPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LinkPause = TimeSpan.FromMilliseconds(250);

    private readonly IHost host;
    private readonly VolumeMethod method;
    private readonly IReadOnlyList<VolumePart> parts;

    public VolumeAct(IHost host, VolumeMethod method, IReadOnlyList<VolumePart> parts)
    {
        this.host = host;
        this.method = method;
        this.parts = parts;
        Disks = [.. parts.SelectMany(part => part.Disks.Select(disk => Plan(part.Snapshot, disk)))];
    }

    public IReadOnlyList<PlannedSnapshot> Disks { get; }

    public bool IsSlow => parts.Any(part => part.IsSlow);

    public void Prepare(CancellationToken cancellation)
    {
        foreach (var part in parts)
        {
            cancellation.ThrowIfCancellationRequested();
            method.Prepare(host, part.Snapshot);
        }
    }

    public void Abandon()
    {
        LateCommands.Wait(host, parts.Select(part => part.Snapshot));
        foreach (var part in parts)
        {
            method.Delete(host, part.Snapshot);
        }
    }

    public void Take()
    {
        var snapshots = parts.Select(part => part.Snapshot).ToList();
        var act = Task.Factory.StartNew(
            () => method.Take(host, snapshots),
            CancellationToken.None,
            TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
            TaskScheduler.Default);
        if (Task.WaitAny([act], LongestAct) < 0)
        {
            _ = act.ContinueWith(static late => _ = late.Exception, TaskScheduler.Default);
            throw new VirtSnapshotException(
                FailureKind.OperationTimeout,
                "HostSilent",
                parts[0].Disks[0].Disk,
                $"The snapshot '{snapshots[0].Name}' on host '{host.Name}' was not taken within {LongestAct.TotalMinutes} minutes.");
        }

        act.GetAwaiter().GetResult();
    }

    public void Complete(VmDomain now)
    {
        foreach (var part in parts)
        {
            method.Expose(host, part.Snapshot);
        }

        List<PlannedSnapshot> missing;
        using (host.ReadAhead(parts.SelectMany(part => part.Disks)
            .Select(disk => disk.Stack.Find<FileSystemLayer>()?.File).OfType<string>()
            .Concat(parts.Select(part => part.Snapshot.At))
            .Concat(Disks.Select(disk => disk.Record.Source.Path!))))
        {
            missing = [.. Disks.Where(disk => WhyNotFound(disk) is not null)];
        }

        missing.ForEach(disk => WaitFor(disk, now));
    }

    /// <summary>udev removes a device's links for a moment while it probes the device again, such as after a process has closed it.</summary>
    private void WaitFor(PlannedSnapshot disk, VmDomain now)
    {
        var waited = Stopwatch.StartNew();
        while (WhyNotFound(disk) is { } problem)
        {
            if (disk.Record.Source.Type != DiskSourceType.Block || waited.Elapsed > LinkPatience)
            {
                throw new VirtSnapshotException(
                    FailureKind.InvalidResult,
                    "SnapshotNotTaken",
                    disk.Disk,
                    $"The snapshot '{VolumeSnapshot.Read(disk.Record).Name}' of disk '{disk.Disk.Target}' of domain '{now.Name}' was taken, but {problem}.");
            }

            Thread.Sleep(LinkPause);
        }
    }

    private string? WhyNotFound(PlannedSnapshot disk) => VolumeImages.WhyNotFound(host, VolumeSnapshot.Read(disk.Record), disk.Record, StackOf(disk.Disk));

    private StorageStack StackOf(VmDisk disk) => parts.SelectMany(part => part.Disks).First(context => context.Disk.Target == disk.Target).Stack;

    private PlannedSnapshot Plan(VolumeSnapshot snapshot, DiskContext context)
    {
        var disk = context.Disk;
        var file = context.Stack.Find<FileSystemLayer>()?.File;
        var source = DiskSource.ForPath(file is null ? snapshot.At : snapshot.PathOf(file), disk.Format ?? "raw", isBlockDevice: file is null);
        return new PlannedSnapshot(
            disk,
            new SnapshotRecord(disk.Target, method.Name, source, snapshot.ToElement()),
            [snapshot.Name],
            disk.Cache == "unsafe"
                ? $"disk '{disk.Target}' has cache='unsafe', which ignores the guest's flushes, so the snapshot may lack data that the guest has flushed"
                : null);
    }
}

/// <summary>One volume's part in a set.</summary>
/// <param name="Snapshot">Its snapshot.</param>
/// <param name="Disks">The disks that it serves.</param>
/// <param name="IsSlow">Whether taking it may last.</param>
internal sealed record VolumePart(VolumeSnapshot Snapshot, IReadOnlyList<DiskContext> Disks, bool IsSlow);
