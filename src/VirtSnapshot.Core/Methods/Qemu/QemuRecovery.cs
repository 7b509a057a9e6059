using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
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
            if (WhyNeeded(use, record, path) is { } why)
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

    /// <summary>
    /// libvirt's word is not enough: if the daemon died within the switch, QEMU may write to an overlay that libvirt does not
    /// know of. The file tells: it is open, or it holds data.
    /// </summary>
    private string? WhyNeeded(ImageUse use, RecordedDisk record, string path)
    {
        if (use.IsNamedByAnyDomain(path))
        {
            return "a domain's definition names it";
        }

        if (use.FindForeignUser(path, record.Target, [path]) is { } foreign)
        {
            return foreign;
        }

        if (order.Host.ReadOpenFiles().FindUsers(path) is [{ } user, ..])
        {
            return $"{user} has it open. If that is this domain's QEMU, libvirt does not know that the guest writes there: do not stop the guest before its disks are copied";
        }

        return ImageChain.ReadHeader(order.Host, path, withTable: true) switch
        {
            null when order.Host.Stat(path) is { Size: 0 } => null,
            null => "it is not the overlay that was to be made",
            { HoldsData: true } => "it holds data that the guest may have written after libvirt died within the switch. Look into it before the domain is started or goes on",

            // One without any base is ours, too: we may have died while it was being made.
            { BackingFile: { } backing } when record.Source.Path is { } source && backing != source => $"it backs on '{backing}'",
            _ => null,
        };
    }

    private bool IsInChain(RecordedDisk record) =>
        order.Domain.FindDisk(record.Target) is { } disk
        && OverlayData.FindIn(ImageChain.Of(order.Host, order.Domain, disk), record) is not null;
}
