using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>A planned overlay of a disk.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Path">The file.</param>
/// <param name="Stem">The part of its name before the snapshot's name.</param>
/// <param name="Capacity">The disk's virtual size in bytes.</param>
/// <param name="Set">The set that it belongs to.</param>
internal sealed record Overlay(VmDisk Disk, string Path, string Stem, ulong Capacity, SetIdentity Set)
{
    public DiskSource Base => Disk.Source;

    private string BaseFormat => Base.Format ?? "raw";

    public static string PathFor(string folder, string stem, SnapshotName name) =>
        System.IO.Path.Combine(folder, $"{stem}.{name}.qcow2");

    /// <summary>The stem of overlays' names for a disk that is not a file.</summary>
    public static string StemOf(VmDisk disk) =>
        string.Concat($"{disk.Domain}-{disk.Target}".Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' ? c : '_'));

    /// <summary>Creates the file exclusively, syncs it, and verifies its header.</summary>
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

    /// <summary>The existing file is a former overlay of this domain.</summary>
    public VirtSnapshotException HoldsOwnData() => new(
        FailureKind.ResourceExists,
        "OverlayExists",
        Disk,
        $"The overlay '{Path}' for disk '{Disk.Target}' of domain '{Disk.Domain}' exists already, from an earlier snapshot of that name, and may "
        + "hold the only copy of the guest's newest data. Nothing was touched. "
        + $"Do not delete it: 'Repair-DiskSnapshot {Disk.Domain}' can reattach it or keep it aside. Or choose another -Name.");

    public static VirtSnapshotException AlreadyThere(VmDisk disk, string path) => new(
        FailureKind.ResourceExists,
        "OverlayExists",
        disk,
        $"The overlay '{path}' for disk '{disk.Target}' of domain '{disk.Domain}' would overwrite a file that exists already. "
        + "Nothing was touched. Choose another -Name or -OverlayDirectory. "
        + "The file may hold the only copy of a guest's newest data: 'qemu-img info' shows its base.");

    /// <summary>
    /// libvirt does not check a file that it reuses: a wrong size or base would corrupt the guest's disk. A network base has
    /// no path for the overlay's header; libvirt gives QEMU the whole chain.
    /// </summary>
    private void Verify(IHost host)
    {
        var header = ImageChain.ReadHeader(host, Path, withTable: true);
        var problem = header switch
        {
            null => "it is not a qcow2 file",
            _ when header.VirtualSize != Capacity => $"its size is {header.VirtualSize} bytes instead of {Capacity}",
            _ when header.HoldsData => "it is not empty",
            _ when Base.Path is not null && header.BackingFile != Base.Path => $"its base is '{header.BackingFile}' instead of '{Base.Path}'",
            _ when Base.Path is not null && header.BackingFormat != BaseFormat => $"its backing format is '{header.BackingFormat}' instead of '{BaseFormat}'",
            _ => null,
        };
        if (problem is not null)
        {
            host.Delete(Path);
            throw Failure($"{problem}", null);
        }
    }

    private VirtSnapshotException Failure(string why, Exception? inner)
    {
        var (kind, id) = ToolError.IsNoSpace(why)
            ? (FailureKind.QuotaExceeded, "NoSpace")
            : ToolError.IsNoPermission(why) || inner is UnauthorizedAccessException
                ? (FailureKind.PermissionDenied, "AccessDenied")
                : (FailureKind.InvalidResult, "OverlayFailed");
        return new VirtSnapshotException(
            kind,
            id,
            Disk,
            $"The overlay '{Path}' for disk '{Disk.Target}' of domain '{Disk.Domain}' could not be made: {why}. "
            + "It was removed again and the disk was not touched.",
            inner);
    }
}
