using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// A switch to overlays is atomic, so after a crash either all of the disks use their overlays or none. An unused overlay
/// is an empty file, and is deleted only if it is empty.
/// </summary>
internal sealed class QemuRecovery : IRecovery
{
    private readonly MethodRequest request;
    private readonly IReadOnlyList<SnapshotRecord> unused;

    public QemuRecovery(MethodRequest request, IReadOnlyList<SnapshotRecord> journaled)
    {
        this.request = request;
        Taken = [.. journaled.Where(IsInChain)];
        unused = [.. journaled.Where(record => !IsInChain(record) && request.Host.Stat(OverlayData.PathOf(record)) is not null)];
    }

    public IReadOnlyList<SnapshotRecord> Taken { get; }

    public IReadOnlyList<string> Incomplete => [.. unused.Select(OverlayData.PathOf)];

    public IReadOnlyList<string> CleanUp()
    {
        if (unused.Count == 0)
        {
            return [];
        }

        var use = ImageUse.Read(request);
        var kept = new List<string>();
        foreach (var record in unused)
        {
            var path = OverlayData.PathOf(record);
            if (EmptyOverlay.WhyNeeded(request, use, record) is { } why)
            {
                kept.Add($"'{path}' was kept: {why}");
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
