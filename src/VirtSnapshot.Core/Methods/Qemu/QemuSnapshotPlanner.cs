using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>Chooses the overlays' paths, and refuses what cannot work. Changes nothing.</summary>
internal static class QemuSnapshotPlanner
{
    /// <summary>A new overlay has 200 KiB; the guest's writes need further space.</summary>
    private const long LeastFreeBytes = 4L << 20;

    private const long ComfortableFreeBytes = 1L << 30;

    public static ISnapshotSteps Plan(PlanRequest request)
    {
        var overlays = new List<Overlay>(request.Disks.Count);
        var stored = request.Domain is { IsActive: true, IsPersistent: true } ? DomainReader.ReadStored(request.Native, request.Domain) : null;
        var disks = request.Disks.Select(target => target.Disk).ToList();
        using var ahead = ReadAhead(request, disks, stored);
        foreach (var disk in disks)
        {
            RefuseBlockJob(request, disk);
            RefuseMissingSource(request, disk);
            RefuseOtherWriter(request, disk);
            RefuseNetworkBase(request, disk);
            RefuseSplitDefinitions(request, disk, stored?.FindDisk(disk.Target));
            ChainDepth.Check(request, disk, ImageChain.Of(request.Host, request.Domain, disk).Count, request.Warn);
            var (path, stem) = ChoosePath(request, disk, overlays);
            overlays.Add(new Overlay(disk, path, stem, Capacity(request, disk), request.Set));
        }

        RefuseTakenNames(request, overlays);

        // Temporary overlays exist too briefly for these options to matter.
        foreach (var kept in request.Disks.Where(target => !target.IsTemporary))
        {
            DriverOptions.Check(request, kept.Disk, request.Warn);
        }

        foreach (var folder in overlays.GroupBy(overlay => Path.GetDirectoryName(overlay.Path)!, StringComparer.Ordinal))
        {
            CheckFolder(request, folder.Key, [.. folder]);
        }

        return new QemuSnapshotAct(request, overlays);
    }

    /// <summary>Reads the facts of all files and folders that the checks below need, in one round trip.</summary>
    private static IDisposable ReadAhead(PlanRequest request, IReadOnlyList<VmDisk> disks, VmDomain? stored)
    {
        var named = disks.Concat(disks.Select(disk => stored?.FindDisk(disk.Target)).OfType<VmDisk>())
            .Select(disk => disk.Source.Path)
            .OfType<string>()
            .ToList();
        var folders = request.OverlayDirectory is { } given ? [given] : named.Select(path => Path.GetDirectoryName(path)).OfType<string>();
        return request.Domain.IsActive
            ? new ReadScope(request.Host.ReadAhead([.. named, .. folders]))
            : ImageChain.ReadAhead(request.Host, disks.Select(disk => disk.Source), folders);
    }

    private static void RefuseTakenNames(PlanRequest request, IReadOnlyList<Overlay> overlays)
    {
        using var ahead = request.Host.ReadAhead(overlays.Select(overlay => overlay.Path));
        if (overlays.FirstOrDefault(overlay => request.Host.Stat(overlay.Path) is not null) is { } taken)
        {
            throw OverlayMark.Parse(ImageChain.ReadHeader(request.Host, taken.Path)?.Mark) is { } mark && mark.Set.WhyNotOf(request.Domain.Uuid) is null
                ? taken.HoldsOwnData()
                : Overlay.AlreadyThere(taken.Disk, taken.Path);
        }
    }

    private static void RefuseBlockJob(PlanRequest request, VmDisk disk)
    {
        if (request.Domain.IsActive && (disk.HasMirror || request.Native.FindJob(disk.Target) is not null))
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "BlockJobRunning",
                disk,
                $"A block job is running on disk '{disk.Target}' of domain '{request.Domain.Name}'. Nothing was touched. "
                + $"Wait until it has ended ('virsh blockjob {request.Domain.Name} {disk.Target}' shows it), then try again.");
        }
    }

    private static void RefuseOtherWriter(PlanRequest request, VmDisk disk)
    {
        if (request.Writers is { } writers)
        {
            SharedImage.RefuseUnderOverlay(request, writers, disk);
        }
    }

    private static void RefuseMissingSource(PlanRequest request, VmDisk disk)
    {
        if (disk.Source.Path is { } path && request.Host.Stat(path, followLink: true) is null)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "SourceMissing",
                disk,
                $"The source '{path}' of disk '{disk.Target}' of domain '{request.Domain.Name}' does not exist on host '{request.Host.Name}'. Nothing was "
                + "touched.");
        }
    }

    /// <summary>A running domain's definition names a network base under its overlays; a shut-off domain's definition would lose it.</summary>
    private static void RefuseNetworkBase(PlanRequest request, VmDisk disk)
    {
        if (!request.Domain.IsActive && ImageChain.Of(request.Host, request.Domain, disk).Any(layer => !layer.HasPath))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "DomainNotRunning",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' is on the network, and only a running QEMU can put an overlay on it. Nothing was "
                + "touched. Start the domain first.");
        }
    }

    /// <summary>
    /// Reading the size from the image is faster than from libvirt, which queries QEMU. Only where the source has more than a path (a slice,
    /// encryption) libvirt is queried; it does not know the size of a shut-off domain's volume.
    /// </summary>
    private static ulong Capacity(PlanRequest request, VmDisk disk)
    {
        if (disk.Source is not { Path: { } path } || SafeXml.Parse(disk.Source.Xml).HasElements)
        {
            return request.Native.Capacity(disk.Target);
        }

        const ulong sector = 512;
        return disk.Format switch
        {
            "qcow2" when ImageChain.ReadHeader(request.Host, path) is { } header => header.VirtualSize,
            null or "raw" when request.Host.Stat(path, followLink: true) is { IsRegularFile: true } file => (file.Size + sector - 1) / sector * sector,
            _ when disk.Source.Type == DiskSourceType.Volume && !request.Domain.IsActive => ReadByQemuImg(request, disk, path),
            _ => request.Native.Capacity(disk.Target),
        };
    }

    private static ulong ReadByQemuImg(PlanRequest request, VmDisk disk, string path)
    {
        var result = request.Host.Run("qemu-img", ["info", "--output=json", "-f", disk.Format ?? "raw", path]);
        try
        {
            return result.Succeeded ? ImageInfo.ReadVirtualSize(result.Output) : throw Unreadable(result.ToolError);
        }
        catch (FormatException e)
        {
            throw Unreadable($"the output of qemu-img is invalid ({e.Message})");
        }

        VirtSnapshotException Unreadable(string why) => new(
            FailureKind.InvalidData,
            "SourceUnreadable",
            disk,
            $"The source '{path}' of disk '{disk.Target}' of domain '{request.Domain.Name}' cannot be read: {why}. Nothing was touched.");
    }

    /// <summary>
    /// libvirt changes the stored definition to the overlay only where both definitions name the source by the same path. Otherwise the next
    /// start would use the base, without what the guest has written since.
    /// </summary>
    private static void RefuseSplitDefinitions(PlanRequest request, VmDisk disk, VmDisk? stored)
    {
        if (stored?.Source.Path is { } path
            && path != disk.Source.Path
            && disk.Source.Path is { } used
            && request.Host.Stat(used, followLink: true) is { } facts
            && request.Host.Stat(path, followLink: true)?.IsSameFileAs(facts) == true)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "DefinitionsDiffer",
                disk,
                $"Disk '{disk.Target}' of domain '{request.Domain.Name}' is '{used}' while it runs, but '{path}' in its stored definition: the same file "
                + "under two names, "
                + "of which libvirt would change only one. Nothing was touched. Use the same path in both with 'virsh edit', then restart the domain.");
        }
    }

    private static (string Path, string Stem) ChoosePath(PlanRequest request, VmDisk disk, List<Overlay> chosen)
    {
        var folder = request.OverlayDirectory is { } given
            ? Absolute(given, request)
            : disk.Source.Path is { } image && request.Host.Stat(image, followLink: true) is { IsRegularFile: true }
                ? Path.GetDirectoryName(image)!
                : throw new VirtSnapshotException(
                    FailureKind.InvalidArgument,
                    "OverlayDirectoryNeeded",
                    disk,
                    $"Disk '{disk.Target}' of domain '{request.Domain.Name}' is a {disk.Source.Type.ToString().ToLowerInvariant()} disk and has no folder "
                    + "for an overlay. Nothing was touched. Name one with -OverlayDirectory.");
        var stem = Stem(request, disk);
        if (chosen.Exists(other => other.Path == Overlay.PathFor(folder, stem, request.Name)))
        {
            // Two images have the same name with different extensions.
            stem = $"{stem}.{disk.Target}";
        }

        return (Overlay.PathFor(folder, stem, request.Name), stem);
    }

    private static string Absolute(string folder, PlanRequest request) => Path.IsPathRooted(folder)
        ? Path.GetFullPath(folder)
        : throw new VirtSnapshotException(
            FailureKind.InvalidArgument,
            "OverlayDirectoryNotAbsolute",
            request.Domain,
            $"The overlay directory '{folder}' is not an absolute path. Nothing was touched. Give an absolute path on the hypervisor's host.");

    /// <summary>The stem of an overlay's name: the image's name, or the stem of the current overlay, so that names do not grow.</summary>
    private static string Stem(PlanRequest request, VmDisk disk)
    {
        if (disk.Source.Path is not { } image || request.Host.Stat(image, followLink: true) is not { IsRegularFile: true })
        {
            return Overlay.StemOf(disk);
        }

        return request.Recorded.Where(record => OverlayData.PathOf(record) == image).Select(OverlayData.StemOf).FirstOrDefault()
            ?? Path.GetFileNameWithoutExtension(image);
    }

    private static void CheckFolder(PlanRequest request, string folder, IReadOnlyList<Overlay> overlays)
    {
        var disk = overlays[0].Disk;
        if (request.Host.Stat(folder, followLink: true) is not { IsDirectory: true })
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "OverlayDirectoryNotFound",
                disk,
                $"The overlay directory '{folder}' does not exist on host '{request.Host.Name}'. Nothing was touched. Create it, writable for QEMU's user, "
                + "or name another one.");
        }

        if (!request.Host.CanWriteTo(folder))
        {
            throw new VirtSnapshotException(
                FailureKind.PermissionDenied,
                "OverlayDirectoryNotWritable",
                disk,
                $"The overlay directory '{folder}' cannot be written to. Nothing was touched. Run as root, or name another one with -OverlayDirectory.");
        }

        var free = request.Host.FreeSpace(folder);
        if (free < LeastFreeBytes * overlays.Count)
        {
            throw new VirtSnapshotException(
                FailureKind.QuotaExceeded,
                "NoSpace",
                disk,
                $"The overlay directory '{folder}' has only {free >> 10} KiB free, too little for {overlays.Count} overlay(s). "
                + "Nothing was touched. Free space there, or name another one with -OverlayDirectory.");
        }

        if (free < Math.Min(ComfortableFreeBytes, overlays.Sum(overlay => (long)overlay.Capacity)))
        {
            request.Warn($"The overlay directory '{folder}' has only {free >> 20} MiB free. If it becomes full, the guest of domain "
                + $"'{request.Domain.Name}' is paused: remove the snapshot soon.");
        }
    }
}
