using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// A switch to overlays is atomic, so after a run that died either all of its disks stand on their overlays or none. What
/// was not switched to is an empty file, and only as such is it deleted.
/// </summary>
internal sealed class QemuRecovery : IRecovery
{
    private readonly RecordOrder order;
    private readonly IReadOnlyList<RecordedDisk> leftovers;

    public QemuRecovery(RecordOrder order, IReadOnlyList<RecordedDisk> journaled)
    {
        this.order = order;
        Taken = [.. journaled.Where(IsInChain)];
        leftovers = [.. journaled.Where(record => !IsInChain(record) && order.Host.Stat(OverlayData.PathOf(record)) is not null)];
    }

    public IReadOnlyList<RecordedDisk> Taken { get; }

    public IReadOnlyList<string> Leftovers => [.. leftovers.Select(OverlayData.PathOf)];

    public IReadOnlyList<string> CleanUp()
    {
        if (leftovers.Count == 0)
        {
            return [];
        }

        var use = ImageUse.Read(order);
        var kept = new List<string>();
        foreach (var record in leftovers)
        {
            var path = OverlayData.PathOf(record);
            if (EmptyOverlay.WhyNeeded(order, use, record) is { } why)
            {
                kept.Add($"'{path}' was left where it is: {why}");
            }
            else
            {
                order.Host.Delete(path);
            }
        }

        return kept;
    }

    private bool IsInChain(RecordedDisk record) =>
        order.Domain.FindDisk(record.Target) is { } disk
        && OverlayData.FindIn(ImageChain.Of(order.Host, order.Domain, disk), record) is not null;
}
