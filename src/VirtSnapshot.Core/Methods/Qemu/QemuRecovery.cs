using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// A switch to overlays is atomic, so after a run that died either all of its disks stand on their overlays or none. What
/// was not switched to is an empty file, and only as such is it deleted.
/// </summary>
internal sealed class QemuRecovery : IRecovery
{
    private readonly MethodRequest request;
    private readonly IReadOnlyList<SnapshotRecord> leftovers;

    public QemuRecovery(MethodRequest request, IReadOnlyList<SnapshotRecord> journaled)
    {
        this.request = request;
        Taken = [.. journaled.Where(IsInChain)];
        leftovers = [.. journaled.Where(record => !IsInChain(record) && request.Host.Stat(OverlayData.PathOf(record)) is not null)];
    }

    public IReadOnlyList<SnapshotRecord> Taken { get; }

    public IReadOnlyList<string> Leftovers => [.. leftovers.Select(OverlayData.PathOf)];

    public IReadOnlyList<string> CleanUp()
    {
        if (leftovers.Count == 0)
        {
            return [];
        }

        var use = ImageUse.Read(request);
        var kept = new List<string>();
        foreach (var record in leftovers)
        {
            var path = OverlayData.PathOf(record);
            if (EmptyOverlay.WhyNeeded(request, use, record) is { } why)
            {
                kept.Add($"'{path}' was left where it is: {why}");
            }
            else
            {
                request.Host.Delete(path);
            }
        }

        return kept;
    }

    private bool IsInChain(SnapshotRecord record) =>
        request.Domain.FindDisk(record.Target) is { } disk
        && OverlayData.FindIn(ImageChain.Of(request.Host, request.Domain, disk), record) is not null;
}
