using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>
/// Restores a disk by replacing its volume: a new volume is copied from the snapshot, the domain's definition is changed to it, and the old volume is deleted.
/// libvirt can neither rename a volume nor replace its content.
/// </summary>
/// <remarks>
/// Once the definition names the new volume, the guest may have written to it, and this cannot be detected: from then on the restore is completed, never
/// undone. LVM snapshots are not copies: they are deleted with their volume.
/// </remarks>
internal sealed class VolumeRestoration(MethodRequest request, RestoreRecord disk) : IDiskRestoration
{
    private readonly VolumeCopy copy = VolumeCopy.Read(disk.Record);
    private readonly VolumeReplacement replacement = VolumeReplacement.Read(disk.Record);

    public RestoreRecord Disk => disk;

    public string Description => $"gets the new volume '{replacement.Pool}/{replacement.Name}', a copy of '{copy}'; "
        + $"its old volume '{replacement.Pool}/{replacement.Replaced}' is deleted";

    public bool IsFinal => true;

    private string Target => disk.Record.Target;

    private LibvirtConnection Connection => request.Native.Connection;

    private DiskSource Source => replacement.Source(copy.Format);

    private VolumeCopy Replacement => copy with { Name = replacement.Name, Path = replacement.Path };

    public bool IsSwitched() => IsOn(DomainReader.Read(request.Native));

    public bool IsIrreversible() => IsSwitched();

    public void Prepare(CancellationToken cancellation)
    {
        DeleteReplacement();
        try
        {
            InterruptibleCall.Run(
                () =>
                {
                    Copy();
                    return true;
                },
                cancellation);
        }
        catch (LibvirtException e)
        {
            throw VolumeCopying.Explain(
                e,
                request.Domain.FindDisk(Target),
                $"the volume '{Replacement}' for disk '{Target}' of domain '{request.Domain.Name}'",
                "RestoreFailed");
        }
    }

    public void Recheck()
    {
        var now = DomainReader.Read(request.Native);
        if (now.FindDisk(Target)?.Source.Path is not { } used || !VolumeUse.IsSame(Connection, used, replacement.ReplacedPath))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SourceDiffers",
                now.FindDisk(Target),
                $"Disk '{Target}' of domain '{now.Name}' cannot be restored: it does not use the volume '{replacement.Pool}/{replacement.Replaced}' any more.");
        }
    }

    public void Switch()
    {
        StoredDisk.PointTo(request, Target, Source);
        if (!IsOn(DomainReader.ReadStored(request.Native, request.Domain)))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidResult,
                "RestoreFailed",
                request.Domain.FindDisk(Target),
                $"libvirt reported success, but disk '{Target}' of domain '{request.Domain.Name}' does not use '{Replacement}'.");
        }
    }

    public string? Undo() => CleanUp.Try(() =>
    {
        DeleteReplacement();
        return null;
    });

    public string? Discard() => CleanUp.Try(() =>
    {
        if (!IsSwitched())
        {
            return $"nothing was deleted, because disk '{Target}' does not use '{Replacement}' any more";
        }

        if (replacement.IsLogical)
        {
            foreach (var snapshot in disk.Lost.Append(disk.Record))
            {
                VolumeCopy.Read(snapshot).Delete(request);
            }
        }

        return DeleteReplaced();
    });

    private bool IsOn(VmDomain domain) => domain.FindDisk(Target)?.Source is { } now && now.IsSameAs(Source);

    /// <summary>Copies the snapshot to a volume of the disk's size, with the old volume's owner and mode.</summary>
    private void Copy()
    {
        var source = PoolVolume.Find(Connection, copy.Path) ?? throw Gone(copy.Path);
        var replaced = PoolVolume.Find(Connection, replacement.ReplacedPath) ?? throw Gone(replacement.ReplacedPath);
        VolumeCopying.Copy(
            Connection,
            replacement.Pool,
            replacement.IsLogical
                ? Replacement.Define(replaced.Capacity, replaced.Capacity, permissions: null)
                : Replacement.Define(source.Capacity, allocation: 0, replaced.Permissions),
            copy.Path,
            canShareBlocks: source is { IsFile: true, Format: "raw" },
            beforeFullCopy: static () => { });
    }

    /// <summary>Deletes the new volume, which the definition has never named.</summary>
    private void DeleteReplacement()
    {
        if (!Connection.HasVolume(replacement.Pool, replacement.Name))
        {
            return;
        }

        if (VolumeUse.FindDisk(Connection, replacement.Path) is { } user)
        {
            throw Kept(Replacement, $"{user} uses it");
        }

        Delete(Replacement.Name);
    }

    private string? DeleteReplaced()
    {
        if (!Connection.HasVolume(replacement.Pool, replacement.Replaced))
        {
            return null;
        }

        var path = replacement.ReplacedPath;
        var user = VolumeUse.FindDisk(Connection, path)
            ?? (VolumeUse.FindVolumes(Connection, path) is [var volume, ..] ? $"volume '{volume.Pool}/{volume.Name}'" : null)
            ?? (request.Host.WhyNoShell is null ? FindUserOnHost(path) : null);
        if (user is not null)
        {
            return $"'{replacement.Pool}/{replacement.Replaced}' was kept, because {user} uses it";
        }

        Delete(replacement.Replaced);
        return null;
    }

    /// <summary>A disk that uses it by another path, or a process that has it open.</summary>
    private string? FindUserOnHost(string path) =>
        ImageUse.Read(request).FindDisk(path) ?? (request.Host.ReadOpenFiles().FindUsers(path) is [var reader, ..] ? $"{reader}" : null);

    private void Delete(string name)
    {
        try
        {
            Connection.DeleteVolume(replacement.Pool, name);
        }
        catch (LibvirtException e)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidResult,
                "SnapshotNotDeleted",
                request.Domain,
                $"The volume '{replacement.Pool}/{name}' could not be deleted: {e.Message.TrimEnd('.')}.",
                e);
        }
    }

    private VirtSnapshotException Kept(VolumeCopy volume, string why) => new(
        FailureKind.ResourceBusy, "SourceShared", request.Domain, $"The volume '{volume}' was kept: {why}.");

    private VirtSnapshotException Gone(string path) => new(
        FailureKind.ObjectNotFound,
        "SourceMissing",
        request.Domain.FindDisk(Target),
        $"The volume '{path}' for disk '{Target}' of domain '{request.Domain.Name}' is not in its pool any more.");
}
