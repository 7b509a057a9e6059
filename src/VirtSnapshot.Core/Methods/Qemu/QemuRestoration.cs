using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// Restores a disk by a new overlay on the base instead of the old ones: the base is not changed, and the snapshot is kept. The old overlays are
/// deleted when the restore is complete.
/// </summary>
internal sealed class QemuRestoration(MethodRequest request, RestoreRecord disk) : IDiskRestoration
{
    public RestoreRecord Disk => disk;

    public string Description =>
        $"gets a new overlay '{Overlay}' on '{disk.Record.Source}'; its current content is deleted: "
        + string.Join(", ", OldOverlays.Select(overlay => $"'{overlay}'"));

    public bool IsFinal => false;

    private string Target => disk.Record.Target;

    private SnapshotRecord Becomes => disk.Becomes!;

    private string Overlay => OverlayData.PathOf(Becomes);

    /// <summary>The overlays before the restore, from the top of the chain.</summary>
    private List<string> OldOverlays => [.. disk.Lost.Append(disk.Record).Select(OverlayData.PathOf)];

    public bool IsSwitched() => IsOn(DomainReader.Read(request.Native));

    public void Prepare(CancellationToken cancellation)
    {
        // A resumed run may have been planned by a version without this check.
        EncryptedDisk.RefuseRestore(request, request.Domain.FindDisk(Target)!, disk.Record);

        // The disk at the time of the snapshot.
        var planned = request.Domain.FindDisk(Target)! with { Source = disk.Record.Source };
        new Overlay(planned, Overlay, OverlayData.StemOf(Becomes)!, Capacity(), disk.Record.Set!).Create(request.Host);
        request.Host.SyncDirectory(Path.GetDirectoryName(Overlay)!);
    }

    public void Recheck()
    {
        var now = request with { Domain = DomainReader.Read(request.Native) };
        var used = now.Domain.FindDisk(Target) ?? throw new VirtSnapshotException(
            FailureKind.ObjectNotFound, "DiskNotFound", now.Domain, $"Domain '{now.Domain.Name}' has no disk '{Target}' any more, so it cannot be restored.");
        if (used.Source.Path != OldOverlays[0])
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation, "SourceDiffers", used, $"Disk '{Target}' of domain '{now.Domain.Name}' cannot be restored: it uses "
                    + $"'{used.Source}' now, not '{OldOverlays[0]}'.");
        }

        SharedImage.RefuseRestore(now, ImageWriters.Read(now), used, disk.Record);
    }

    public void Switch()
    {
        StoredDisk.PointTo(request, Target, DiskSource.ForPath(Overlay, "qcow2", isBlockDevice: false));
        if (!IsOn(DomainReader.ReadStored(request.Native, request.Domain)))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidResult,
                "RestoreFailed",
                request.Domain.FindDisk(Target),
                $"libvirt reported success, but disk '{Target}' of domain '{request.Domain.Name}' does not use '{Overlay}' on top of '{disk.Record.Source}'.");
        }
    }

    public string? Undo()
    {
        var now = DomainReader.Read(request.Native);
        if (now.IsActive && IsOn(now))
        {
            return $"the domain has been started and writes to '{Overlay}': shut it off first";
        }

        if (DomainReader.ReadStored(request.Native, now).FindDisk(Target)?.Source.Path == Overlay)
        {
            if (request.Host.Stat(OldOverlays[0]) is null)
            {
                return $"the disk's previous overlay '{OldOverlays[0]}' does not exist";
            }

            StoredDisk.PointTo(request, Target, DiskSource.ForPath(OldOverlays[0], "qcow2", isBlockDevice: false));
        }

        if (request.Host.Stat(Overlay) is null)
        {
            return null;
        }

        if (EmptyOverlay.WhyNeeded(request, ImageUse.Read(request), Becomes) is { } why)
        {
            return $"'{Overlay}' was kept: {why}";
        }

        return TryDelete(Overlay);
    }

    public string? Discard()
    {
        var overlays = OldOverlays;
        if (overlays.Contains(Overlay) || !IsSwitched())
        {
            return $"nothing was deleted, because disk '{Target}' does not use '{Overlay}' any more";
        }

        ImageUse? use = null;
        foreach (var record in disk.Lost.Append(disk.Record).Where(record => request.Host.Stat(OverlayData.PathOf(record)) is not null))
        {
            use ??= ImageUse.Read(request);
            var overlay = OverlayData.PathOf(record);
            var why = OverlayProof.WhyKept(request, use, record, overlays)
                ?? (request.Host.ReadOpenFiles().FindUsers(overlay) is [{ } user, ..] ? $"{user} has it open" : null)
                ?? (InnerSnapshots.Need(request, overlay) ? "a snapshot that was made with libvirt or QEMU itself needs it" : null);
            if (why is not null)
            {
                // Its base must be kept with it.
                return $"'{overlay}' was kept: {why}";
            }

            if (TryDelete(overlay) is { } failure)
            {
                return failure;
            }
        }

        return null;
    }

    private string? TryDelete(string path)
    {
        try
        {
            request.Host.Delete(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"'{path}' could not be deleted: {e.Message}";
        }
    }

    private bool IsOn(VmDomain domain) =>
        domain.FindDisk(Target) is { } now && OverlayData.FindIn(ImageChain.Of(request.Host, domain, now), Becomes) is not null;

    /// <summary>The base's virtual size: the disk may have grown since.</summary>
    private ulong Capacity()
    {
        const ulong sector = 512;
        var path = disk.Record.Source.Path!;
        if (SafeXml.Parse(disk.Record.Source.Xml).HasElements)
        {
            // The source has more than a path (a slice, encryption). Its overlay has the same size.
            return ImageChain.ReadHeader(request.Host, OverlayData.PathOf(disk.Record))?.VirtualSize ?? throw Unreadable("its overlay is not a qcow2 file");
        }

        return disk.Record.Source.Format switch
        {
            "qcow2" when ImageChain.ReadHeader(request.Host, path) is { } header => header.VirtualSize,
            null or "raw" when request.Host.Stat(path, followLink: true) is { IsRegularFile: true } file => (file.Size + sector - 1) / sector * sector,
            var format => ReadByQemuImg(path, format ?? "raw"),
        };
    }

    private ulong ReadByQemuImg(string path, string format)
    {
        var result = request.Host.Run("qemu-img", ["info", "--output=json", "-U", "-f", format, path]);
        if (!result.Succeeded)
        {
            throw Unreadable(result.ToolError);
        }

        try
        {
            return ImageInfo.ReadVirtualSize(result.Output);
        }
        catch (FormatException e)
        {
            throw Unreadable($"the output of qemu-img is invalid ({e.Message})");
        }
    }

    private VirtSnapshotException Unreadable(string why) => new(
        FailureKind.InvalidData,
        "SourceUnreadable",
        request.Domain.FindDisk(Target),
        $"The base '{disk.Record.Source}' of disk '{Target}' of domain '{request.Domain.Name}' cannot be read: {why}.");
}
