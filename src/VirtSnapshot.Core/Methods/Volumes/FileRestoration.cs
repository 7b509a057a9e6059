using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>
/// An image is copied out of the snapshot and takes the old one's name, with its owner and mode. The old one keeps another name until
/// nothing can go wrong any more. Blocks are shared where the file system can.
/// </summary>
/// <remarks>
/// A second name for the old image is made first (<c>ln</c>), and then the copy is renamed over the first (<c>mv</c>), which is one step: at
/// no moment is there no image. Extended attributes are not copied: libvirt keeps the owners of images in use in them, and a copy of an image that
/// was in use would count as such for ever.
/// </remarks>
internal sealed class FileRestoration : IDiskRestoration
{
    // Arguments: source, copy, and what it is to have owner and mode of, if that is there. With -C the shell makes what is not there with O_EXCL; but it would open a device, hence the look. Everything else goes through the open
    // file: in a folder that others may write to, the name may be somebody else's by then.
    private const string CopyScript = """
        umask 0177
        rm -f -- "$2"
        set -C
        exec 3>"$2" || exit
        set +C
        copy=/proc/self/fd/3
        [ -f "$copy" ] || { echo "$2: File exists" >&2; exit 1; }
        cp --reflink=auto --sparse=always -- "$1" "$copy" || exit
        if [ -e "$3" ]; then
            chown "--reference=$3" -- "$copy" && chmod "--reference=$3" -- "$copy" || exit
        else
            chown "--reference=$1" -- "$copy" && chmod "--reference=$1" -- "$copy" && chmod u+rw -- "$copy" || exit
        fi
        sync -- "$copy"
        """;

    private readonly MethodRequest request;
    private readonly IHost host;

    public FileRestoration(MethodRequest request, RestoreRecord disk)
    {
        this.request = request;
        host = request.Host;
        Disk = disk;
        var snapshot = VolumeSnapshot.Read(disk.Record);
        Image = OriginalOf(snapshot, Source) ?? throw new VirtSnapshotException(
            FailureKind.InvalidOperation,
            "SnapshotNotOurs",
            request.Domain,
            $"The record of snapshot '{snapshot.Name}' of domain '{request.Domain.Name}' names '{Source}', which is not in it. Nothing was touched.");
        var name = $".virtsnapshot-restore-{disk.Group:N}-{string.Concat(disk.Record.Target.Where(char.IsAsciiLetterOrDigit))}";
        Copy = Path.Combine(Folder, $"{name}.new");
        Kept = Path.Combine(Folder, $"{name}.old");
        Written = Path.Combine(Folder, $"{name}.written");
    }

    public RestoreRecord Disk { get; }

    public string Description => $"'{Image}' becomes a copy of '{Source}'; what it holds now is deleted";

    public bool IsFinal => false;

    /// <summary>The disk's image.</summary>
    public string Image { get; }

    /// <summary>The name that its successor has until it takes its place.</summary>
    public string Copy { get; }

    /// <summary>The name that what stood there before has from then on.</summary>
    public string Kept { get; }

    /// <summary>The name of a restored image that a guest has written to, when the restore was undone all the same.</summary>
    public string Written { get; }

    private string Source => Disk.Record.Source.Path!;

    private string Folder => Path.GetDirectoryName(Image)!;

    /// <summary>Where a file of a snapshot is in the volume; null where it is not in the snapshot.</summary>
    public static string? OriginalOf(VolumeSnapshot snapshot, string file)
    {
        if (snapshot.Volume.Root is not { } root)
        {
            return file == snapshot.At ? snapshot.Volume.Name : null;
        }

        var inside = Path.GetRelativePath(snapshot.At, Path.GetFullPath(file));
        return inside.StartsWith("..", StringComparison.Ordinal) || Path.IsPathRooted(inside) ? null : Path.Combine(root, inside);
    }

    public static bool IsSameContent(IHost host, string one, string other) => host.RunAsRoot("cmp", ["-s", "--", one, other]).Succeeded;

    /// <summary>Whoever has the old one open still, writes to that: a domain that was started a moment too early.</summary>
    public bool IsSwitched() => host.Stat(Copy) is null
        && host.Stat(Image) is { } image
        && host.Stat(Kept) is { } kept
        && !kept.IsSameFileAs(image)
        && host.ReadOpenFiles().FindUsers(Kept).Count == 0;

    public void Prepare(CancellationToken cancellation)
    {
        Do("sh", ["-c", CopyScript, "sh", Source, Copy, Image], cancellation);
        Do("sync", ["--", Folder], cancellation);
    }

    public void Recheck() => LiveSource.Recheck(request, Disk.Record.Target, Image, VolumeSnapshot.Read(Disk.Record).Name);

    public void Switch()
    {
        var copy = host.Stat(Copy);
        if (host.Stat(Image) is not null)
        {
            Link(Image, Kept);
        }

        Do("mv", ["--force", "--no-target-directory", "--", Copy, Image]);
        Do("sync", ["--", Folder]);
        if (copy is null || host.Stat(Image)?.IsSameFileAs(copy) != true)
        {
            throw Failed($"'{Image}' is not the copy that was made");
        }
    }

    public string? Undo() => Leftover.Of(TakeBack);

    public string? Discard() => Leftover.Of(() =>
    {
        if (host.Stat(Kept) is not { } kept)
        {
            return null;
        }

        if (host.Stat(Image) is not { } image || image.IsSameFileAs(kept))
        {
            return $"'{Kept}' was left where it is: '{Image}' is not what was restored";
        }

        return WhyInUse(Kept) ?? Delete(Kept);
    });

    private string? TakeBack()
    {
        if (host.Stat(Kept) is { } kept)
        {
            if (host.Stat(Image) is { } image && !image.IsSameFileAs(kept))
            {
                if (WhyInUse(Image) is { } why)
                {
                    return $"{why}: shut the domain off first";
                }

                // What was written to it, if the domain ran meanwhile, is somebody's.
                Link(Image, IsSameContent(host, Source, Image) ? Copy : Written);
                Do("mv", ["--force", "--no-target-directory", "--", Kept, Image]);
                Do("sync", ["--", Folder]);
            }
            else
            {
                Delete(Kept);
            }
        }

        var leftover = host.Stat(Copy) is null ? null : WhyInUse(Copy) ?? Delete(Copy);
        return host.Stat(Written) is null
            ? leftover
            : $"'{Written}' was left where it is: the domain was started meanwhile, and it holds what the guest has written. "
                + "Move it to another folder, to keep that";
    }

    /// <summary>A second name for a file; one that it has already is fine.</summary>
    private void Link(string file, string name)
    {
        if (host.Stat(name) is not { } there || host.Stat(file)?.IsSameFileAs(there) != true)
        {
            Do("ln", ["--no-target-directory", "--", file, name]);
        }
    }

    private string? WhyInUse(string path) => host.ReadOpenFiles().FindUsers(path) is [{ } user, ..] ? $"{user} has '{path}' open" : null;

    private string? Delete(string path)
    {
        Do("rm", ["--force", "--", path]);
        Do("sync", ["--", Folder]);
        return null;
    }

    private void Do(string program, IReadOnlyList<string> arguments, CancellationToken cancellation = default)
    {
        var result = host.RunAsRoot(program, arguments, cancellation);
        if (!result.Succeeded)
        {
            throw Failed(result.ToolError);
        }
    }

    private VirtSnapshotException Failed(string complaint)
    {
        var (kind, id) = complaint switch
        {
            _ when ToolError.IsNoSpace(complaint) => (FailureKind.QuotaExceeded, "NoSpace"),
            _ when ToolError.IsNoPermission(complaint) => (FailureKind.PermissionDenied, "AccessDenied"),
            _ => (FailureKind.InvalidResult, "RestoreFailed"),
        };
        return new VirtSnapshotException(
            kind, id, request.Domain.FindDisk(Disk.Record.Target), $"The image '{Image}' of disk '{Disk.Record.Target}' of domain '{request.Domain.Name}' could not be restored from '{Source}': {complaint}.");
    }
}
