using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>An overlay that is to be made for a disk.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Path">The file.</param>
/// <param name="Stem">What its name begins with, before the snapshot's name.</param>
/// <param name="Capacity">The disk's virtual size in bytes.</param>
/// <param name="Set">The set that it is made for.</param>
internal sealed record Overlay(VmDisk Disk, string Path, string Stem, ulong Capacity, SetIdentity Set)
{
    public DiskSource Base => Disk.Source;

    private string BaseFormat => Base.Format ?? "raw";

    public static string PathFor(string folder, string stem, SnapshotName name) =>
        System.IO.Path.Combine(folder, $"{stem}.{name}.qcow2");

    /// <summary>What the names of overlays begin with on a disk that is no file.</summary>
    public static string StemOf(VmDisk disk) =>
        string.Concat($"{disk.Domain}-{disk.Target}".Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' ? c : '_'));

    /// <summary>Makes the file, exclusively and on disk, and checks that it is what QEMU will need.</summary>
    /// <exception cref="VirtSnapshotException"><c>OverlayExists</c>, <c>NoSpace</c>, <c>AccessDenied</c>, <c>OverlayFailed</c>; no file is left.</exception>
    public void Create(IHost host)
    {
        try
        {
            var like = Base.Path is { } path ? host.Stat(path, followLink: true) : null;
            host.CreateFile(Path, Qcow2Image.Empty(Capacity, Base.Path, BaseFormat, new OverlayMark(Set, Disk.Target, Path, DateTimeOffset.UtcNow)), like);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw host.Stat(Path) is not null && e is IOException && !ToolError.IsNoSpace(e.Message)
                ? AlreadyThere(Disk, Path)
                : Failure(e.Message, e);
        }

        Verify(host);
    }

    /// <summary>What stands there is an overlay that this domain once had.</summary>
    public VirtSnapshotException HoldsOwnData() => new(
        FailureKind.ResourceExists,
        "OverlayExists",
        Disk,
        $"The overlay '{Path}' for disk '{Disk.Target}' of domain '{Disk.Domain}' is there already, from an earlier snapshot of that name, and may "
        + "hold the guest's only newest data. Nothing was touched. "
        + $"Do not delete it: 'Repair-DiskSnapshot {Disk.Domain}' tells what can be done with it. Or choose another -Name.");

    public static VirtSnapshotException AlreadyThere(VmDisk disk, string path) => new(
        FailureKind.ResourceExists,
        "OverlayExists",
        disk,
        $"The overlay '{path}' for disk '{disk.Target}' of domain '{disk.Domain}' would overwrite something that stands there already. "
        + "Nothing was touched. Choose another -Name or -OverlayDirectory. "
        + "That file may hold a guest's only newest data: 'qemu-img info' shows what it stands on.");

    /// <summary>
    /// libvirt takes a file that it is told to reuse as it is: a wrong size or backing would be the guest's new truth. A network base has
    /// no path that could stand in the overlay; libvirt gives QEMU the whole chain anyway.
    /// </summary>
    private void Verify(IHost host)
    {
        var header = ImageChain.ReadHeader(host, Path, withTable: true);
        var problem = header switch
        {
            null => "it is not a qcow2 file",
            _ when header.VirtualSize != Capacity => $"its size is {header.VirtualSize} bytes instead of {Capacity}",
            _ when header.HoldsData => "it is not empty",
            _ when Base.Path is not null && header.BackingFile != Base.Path => $"it backs on '{header.BackingFile}' instead of '{Base.Path}'",
            _ when Base.Path is not null && header.BackingFormat != BaseFormat => $"it takes its base for '{header.BackingFormat}' instead of '{BaseFormat}'",
            _ => null,
        };
        if (problem is not null)
        {
            host.Delete(Path);
            throw Failure($"{problem}", null);
        }
    }

    private VirtSnapshotException Failure(string complaint, Exception? inner)
    {
        var (kind, id) = ToolError.IsNoSpace(complaint)
            ? (FailureKind.QuotaExceeded, "NoSpace")
            : ToolError.IsNoPermission(complaint) || inner is UnauthorizedAccessException
                ? (FailureKind.PermissionDenied, "AccessDenied")
                : (FailureKind.InvalidResult, "OverlayFailed");
        return new VirtSnapshotException(
            kind,
            id,
            Disk,
            $"The overlay '{Path}' for disk '{Disk.Target}' of domain '{Disk.Domain}' could not be made: {complaint}. "
            + "It was removed again and the disk was not touched.",
            inner);
    }
}
