using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>
/// Replaces a disk's image by a copy of it from the snapshot, with the same owner and mode. The old image keeps a second name until the
/// restore is complete. Blocks are shared where the file system supports reflinks.
/// </summary>
/// <remarks>
/// A hard link to the old image is made first (<c>ln</c>); then the copy is renamed over the image (<c>mv</c>), which is atomic: the image's name
/// always exists. Extended attributes are not copied: libvirt stores the owners of images in use there, and the copy of an image in use would stay
/// marked as in use.
/// </remarks>
internal sealed class FileRestoration : IDiskRestoration
{
    // Arguments: source, copy, and the file whose owner and mode the copy gets, if that exists. With -C the shell creates the file with O_EXCL, but opens
    // an existing device: hence the test. Everything after that uses the open file: in a folder that other users can write to, the name can be replaced.
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
            $"The record of snapshot '{snapshot.Name}' of domain '{request.Domain.Name}' names the file '{Source}', which is outside the snapshot. "
            + "Nothing was touched.");
        var name = $".virtsnapshot-restore-{disk.Group:N}-{string.Concat(disk.Record.Target.Where(char.IsAsciiLetterOrDigit))}";
        Copy = Path.Combine(Folder, $"{name}.new");
        Kept = Path.Combine(Folder, $"{name}.old");
        Written = Path.Combine(Folder, $"{name}.written");
    }

    public RestoreRecord Disk { get; }

    public string Description => $"'{Image}' is replaced by a copy of '{Source}'; its current content is deleted";

    public bool IsFinal => false;

    /// <summary>The disk's image.</summary>
    public string Image { get; }

    /// <summary>The name of the restored image until it replaces the old one.</summary>
    public string Copy { get; }

    /// <summary>The name of the old image after that.</summary>
    public string Kept { get; }

    /// <summary>The name of a restored image that the guest has written to before the restore was undone.</summary>
    public string Written { get; }

    private string Source => Disk.Record.Source.Path!;

    private string Folder => Path.GetDirectoryName(Image)!;

    /// <summary>The path in the volume of a file in a snapshot; null where the file is not in the snapshot.</summary>
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

    /// <summary>A process that still has the old image open writes to that: a domain that was started before the replacement was complete.</summary>
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
            throw Failed($"'{Image}' was replaced by another file during the restore");
        }
    }

    public string? Undo() => CleanUp.Try(TakeBack);

    public string? Discard() => CleanUp.Try(() =>
    {
        if (host.Stat(Kept) is not { } kept)
        {
            return null;
        }

        if (host.Stat(Image) is not { } image || image.IsSameFileAs(kept))
        {
            return $"'{Kept}' was kept: '{Image}' is not the restored image";
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

                // If the domain has run since, the image holds data of the guest.
                Link(Image, IsSameContent(host, Source, Image) ? Copy : Written);
                Do("mv", ["--force", "--no-target-directory", "--", Kept, Image]);
                Do("sync", ["--", Folder]);
            }
            else
            {
                Delete(Kept);
            }
        }

        var remaining = host.Stat(Copy) is null ? null : WhyInUse(Copy) ?? Delete(Copy);
        return host.Stat(Written) is null
            ? remaining
            : $"'{Written}' was kept: the domain has run since the restore, and this file holds what the guest has written. "
                + "Move it to another folder to keep its data";
    }

    /// <summary>Makes a hard link to a file, unless it exists already.</summary>
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

    private VirtSnapshotException Failed(string why)
    {
        var (kind, id) = why switch
        {
            _ when ToolError.IsNoSpace(why) => (FailureKind.QuotaExceeded, "NoSpace"),
            _ when ToolError.IsNoPermission(why) => (FailureKind.PermissionDenied, "AccessDenied"),
            _ => (FailureKind.InvalidResult, "RestoreFailed"),
        };
        return new VirtSnapshotException(
            kind,
            id,
            request.Domain.FindDisk(Disk.Record.Target),
            $"The image '{Image}' of disk '{Disk.Record.Target}' of domain '{request.Domain.Name}' could not be restored from '{Source}': {why}.");
    }
}
