using System.Xml.Linq;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>Overlays without a record: distinguishes other tools' snapshots from linked clones, which are disks of their own.</summary>
internal sealed class ForeignOverlays(MethodRequest request, Func<ImageUse> use)
{
    private readonly Lazy<IReadOnlyList<string>> libvirtSnapshots = new(request.Native.SnapshotXmls);

    /// <summary>
    /// Whether a snapshot of libvirt names the overlay; or else whether it is named by libvirt's or our rules, and no other disk uses its
    /// base.
    /// </summary>
    public bool IsSnapshot(VmDisk disk, DiskSource overlay, DiskSource source) =>
        FindLibvirtSnapshot(overlay) is not null
        || (IsNamedAsSnapshot(disk, overlay.Path!, source) && (source.Path is not { } path || use().FindForeignDisk(path, disk.Target) is null));

    /// <summary>How one can be merged with virsh, or why it must not be: as sentences.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="chain">Its layers.</param>
    /// <param name="position">The overlay's index, followed by its base.</param>
    public string Advise(VmDisk disk, IReadOnlyList<DiskSource> chain, int position)
    {
        var (overlay, source) = (chain[position], chain[position + 1]);
        string[] layers = [.. chain.Select(layer => layer.Path).OfType<string>()];
        foreach (var image in new[] { source.Path, overlay.Path }.OfType<string>())
        {
            if (use().FindForeignUser(image, disk.Target, layers) is { } user)
            {
                return $"It must not be merged either: '{image}' would change, and {user}.";
            }
        }

        // Without --shallow libvirt merges everything into the bottom of the chain.
        var command = $"virsh blockcommit {disk.Domain} {disk.Target} --shallow " + (position == 0 ? "--active --pivot" : $"--top {overlay} --wait");
        var start = request.Domain.IsActive ? "" : "start the domain and ";
        var record = FindLibvirtSnapshot(overlay) is { } name
            ? $", and then remove libvirt's record of it with 'virsh snapshot-delete {disk.Domain} {name} --metadata'"
            : "";
        return $"If you are sure that it is a snapshot that is no longer needed, {start}merge it into '{source}' with '{command}'{record}.";
    }

    /// <summary>The name of the snapshot that libvirt keeps and that made the overlay.</summary>
    private string? FindLibvirtSnapshot(DiskSource overlay) => libvirtSnapshots.Value
        .Select(xml => SafeXml.Parse(xml))
        .Where(snapshot => snapshot.Elements("disks").Elements("disk").Elements("source").Any(named => (string?)named.Attribute("file") == overlay.Path))
        .Select(snapshot => (string?)snapshot.Element("name"))
        .FirstOrDefault();

    private static bool IsNamedAsSnapshot(VmDisk disk, string overlay, DiskSource source)
    {
        const string extension = ".qcow2";
        var name = Path.GetFileName(overlay);

        // A device gives no stem for an overlay's name: then the stem is that of the disk.
        var isFile = source is { Type: DiskSourceType.File or DiskSourceType.Volume, Path: not null }
            && !source.Path.StartsWith("/dev/", StringComparison.Ordinal);
        var stem = (isFile ? Path.GetFileNameWithoutExtension(source.Path!) : Overlay.StemOf(disk)) + ".";
        var rest = name.StartsWith(stem, StringComparison.Ordinal) ? name[stem.Length..] : "";
        return rest.EndsWith(extension, StringComparison.Ordinal) || (isFile && rest is not ("" or "qcow2" or "img" or "raw"));
    }
}
