using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>
/// A new volume is copied from the snapshot, takes the old one's place in the domain's definition, and the old one is deleted: libvirt can neither rename a volume nor
/// exchange what is in it.
/// </summary>
/// <remarks>
/// Once the definition names the new volume, a guest may have written to it, and nothing tells: from then on the restore is finished, and never undone. LVM's snapshots are
/// no copies, and go with their volume.
/// </remarks>
internal sealed class VolumeRestoration(MethodRequest request, RestoreRecord disk) : IDiskRestoration
{
    private readonly VolumeCopy copy = VolumeCopy.Read(disk.Record);
    private readonly VolumeReplacement succession = VolumeReplacement.Read(disk.Record);

    public RestoreRecord Disk => disk;

    public string Description => $"goes on in a new volume '{succession.Pool}/{succession.Name}', a copy of '{copy}'; its old one is deleted: '{succession.Pool}/{succession.Replaced}'";

    public bool IsFinal => true;

    private string Target => disk.Record.Target;

    private LibvirtConnection Connection => request.Native.Connection;

    private DiskSource Source => succession.Source(copy.Format);

    private VolumeCopy Successor => copy with { Name = succession.Name, Path = succession.Path };

    public bool IsSwitched() => IsOn(DomainReader.Read(request.Native));

    public bool IsIrreversible() => IsSwitched();

    public void Prepare(CancellationToken cancellation)
    {
        DeleteSuccessor();
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
            throw VolumeCopying.Explain(e, request.Domain.FindDisk(Target), $"the volume '{Successor}' for disk '{Target}' of domain '{request.Domain.Name}'", "RestoreFailed");
        }
    }

    public void Recheck()
    {
        var now = DomainReader.Read(request.Native);
        if (now.FindDisk(Target)?.Source.Path is not { } used || !VolumeUse.IsSame(Connection, used, succession.ReplacedPath))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SourceDiffers",
                now.FindDisk(Target),
                $"Disk '{Target}' of domain '{now.Name}' cannot be restored: it does not use the volume '{succession.Pool}/{succession.Replaced}' any more.");
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
                $"libvirt reported success, but disk '{Target}' of domain '{request.Domain.Name}' does not use '{Successor}'.");
        }
    }

    public string? Undo() => Leftover.Of(() =>
    {
        DeleteSuccessor();
        return null;
    });

    public string? Discard() => Leftover.Of(() =>
    {
        if (!IsSwitched())
        {
            return $"disk '{Target}' does not use '{Successor}' any more, so nothing is deleted";
        }

        if (succession.IsLogical)
        {
            foreach (var snapshot in disk.Lost.Append(disk.Record))
            {
                VolumeCopy.Read(snapshot).Delete(request);
            }
        }

        return DeleteReplaced();
    });

    private bool IsOn(VmDomain domain) => domain.FindDisk(Target)?.Source is { } now && now.IsSameAs(Source);

    /// <summary>As large as the disk was, with the old one's owner and mode.</summary>
    private void Copy()
    {
        var source = PoolVolume.Find(Connection, copy.Path) ?? throw Gone(copy.Path);
        var replaced = PoolVolume.Find(Connection, succession.ReplacedPath) ?? throw Gone(succession.ReplacedPath);
        VolumeCopying.Copy(
            Connection,
            succession.Pool,
            succession.IsLogical
                ? Successor.Define(replaced.Capacity, replaced.Capacity, permissions: null)
                : Successor.Define(source.Capacity, allocation: 0, replaced.Permissions),
            copy.Path,
            canShareBlocks: source is { IsFile: true, Format: "raw" },
            beforeFullCopy: static () => { });
    }

    /// <summary>Nobody has used it yet: the definition never named it.</summary>
    private void DeleteSuccessor()
    {
        if (!Connection.HasVolume(succession.Pool, succession.Name))
        {
            return;
        }

        if (VolumeUse.FindDisk(Connection, succession.Path) is { } user)
        {
            throw Kept(Successor, $"{user} stands on it");
        }

        Delete(Successor.Name);
    }

    private string? DeleteReplaced()
    {
        if (!Connection.HasVolume(succession.Pool, succession.Replaced))
        {
            return null;
        }

        var path = succession.ReplacedPath;
        var user = VolumeUse.FindDisk(Connection, path)
            ?? (VolumeUse.FindVolumes(Connection, path) is [var volume, ..] ? $"volume '{volume.Pool}/{volume.Name}'" : null)
            ?? (request.Host.WhyNoShell is null ? FindUserOnHost(path) : null);
        if (user is not null)
        {
            return $"'{succession.Pool}/{succession.Replaced}' was left where it is: {user} needs it";
        }

        Delete(succession.Replaced);
        return null;
    }

    /// <summary>Who knows it by another name, or has it open.</summary>
    private string? FindUserOnHost(string path) => ImageUse.Read(request).FindDisk(path) ?? (request.Host.ReadOpenFiles().FindUsers(path) is [var reader, ..] ? $"{reader}" : null);

    private void Delete(string name)
    {
        try
        {
            Connection.DeleteVolume(succession.Pool, name);
        }
        catch (LibvirtException e)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidResult, "SnapshotNotDeleted", request.Domain, $"The volume '{succession.Pool}/{name}' could not be deleted: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private VirtSnapshotException Kept(VolumeCopy volume, string why) => new(
        FailureKind.ResourceBusy, "SourceShared", request.Domain, $"The volume '{volume}' was left where it is: {why}.");

    private VirtSnapshotException Gone(string path) => new(
        FailureKind.ObjectNotFound, "SourceMissing", request.Domain.FindDisk(Target), $"The volume '{path}' for disk '{Target}' of domain '{request.Domain.Name}' is not in its pool any more.");
}
