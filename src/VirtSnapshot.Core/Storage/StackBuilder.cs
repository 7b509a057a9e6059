using VirtSnapshot.Domains;

namespace VirtSnapshot.Storage;

/// <summary>Builds a disk's storage stack from the findings of the probe.</summary>
internal sealed class StackBuilder(StorageFindings findings)
{
    // More than any real device tree has.
    private const int MaxLayers = 1000;
    private const string ZvolFolder = "/dev/zvol/";

    // The replacement character: the name is not valid UTF-8.
    private const char NotText = '\uFFFD';

    public StorageStack Build(VmDisk disk)
    {
        var layers = new List<(StorageLayer Layer, int Depth)>();
        var source = disk.Source;
        if (source.Type != DiskSourceType.None)
        {
            var images = DiskImages.Follow(disk, findings);
            layers.Add((new ImageLayer(disk.Format ?? "raw", source.ToString(), [.. images.Backing.Select(Describe)], images.IsLoop), 0));
        }

        if (source.Type == DiskSourceType.Network)
        {
            layers.Add((new NetworkLayer(source.Protocol ?? "", source.Name ?? ""), 1));
        }
        else if (source.Path is { } path && findings.Exists(path))
        {
            if (findings.DeviceAt(path) is { } number)
            {
                AddDevice(layers, findings.Devices.FindByNumber(number) ?? Unknown(number, findings.Resolve(path)), 1);
            }
            else if (FindFileSystem(path) is var (fileSystem, mount))
            {
                layers.Add((fileSystem, 1));
                foreach (var device in DevicesOf(mount))
                {
                    AddDevice(layers, device, 2);
                }
            }
        }

        return new StorageStack
        {
            Domain = disk.Domain,
            Disk = disk.Target,
            Uri = disk.Uri,

            // A List, since PowerShell cannot index the type that the compiler creates for a collection expression.
            Layers = layers.Select(layer => layer.Layer).ToList(),
            Depths = [.. layers.Select(layer => layer.Depth)],
            MissingSource = source.Path is { } named && findings.HasProbed(named) && !findings.Exists(named) ? named : null,
            LvmError = findings.LvmError,
        };
    }

    private BackingImage Describe((string? Path, string Written) backing) => backing.Path is { } path && findings.HasProbed(path)
        ? new BackingImage(
            findings.Resolve(path), backing.Written, findings.Exists(path) && findings.DeviceAt(path) is null ? FindFileSystem(path)?.Layer : null)
        : new BackingImage(backing.Path, backing.Written);

    private (FileSystemLayer Layer, Mount Mount)? FindFileSystem(string path)
    {
        var file = findings.Resolve(path);
        if (file.Contains(NotText, StringComparison.Ordinal) || findings.Mounts.Find(file) is not { } mount)
        {
            return null;
        }

        var subvolume = mount.FileSystem == "btrfs"
            ? HostPath.FoldersOf(file).FirstOrDefault(folder => HostPath.IsAtOrBelow(folder, mount.Point) && findings.IsSubvolume(folder))
            : null;
        if (subvolume is null && mount.Root != "/")
        {
            // Only a part of the file system is mounted here. Its tools need a mount of the whole.
            var folder = mount.Subvolume ?? "/";
            var inside = mount.Inside(file);
            if (findings.Mounts.Showing(mount, inside, folder) is { } whole)
            {
                mount = whole;
                file = whole.Outside(inside);
                subvolume = mount.Subvolume is null ? null : mount.Outside(folder);
            }
        }

        var canClone = mount.FileSystem is "btrfs" or "bcachefs" || (mount.FileSystem == "xfs" && findings.CanClone(mount.Device));
        return (new FileSystemLayer(mount.FileSystem, mount.Point, mount.Source, file, subvolume, canClone, mount.IsReadOnly, mount.Root), mount);
    }

    private IEnumerable<BlockDevice> DevicesOf(Mount mount)
    {
        if (mount.FileSystem == "btrfs")
        {
            var first = findings.Devices.FindByPath(mount.Source);
            var pool = findings.Pools.FirstOrDefault(pool => first is not null && pool.Contains(first.KernelName)) ?? [];
            return pool.Count == 0 && first is not null ? [first] : pool.Select(name => findings.Devices.FindByPath($"/dev/{name}")).OfType<BlockDevice>();
        }

        return mount.Device.StartsWith("0:", StringComparison.Ordinal)
            ? []
            : [findings.Devices.FindByNumber(mount.Device) ?? Unknown(mount.Device, mount.Source)];
    }

    private void AddDevice(List<(StorageLayer Layer, int Depth)> layers, BlockDevice device, int depth)
    {
        layers.Add((Describe(device), depth));
        foreach (var below in device.Below.SelectMany(Shown).Distinct().TakeWhile(_ => layers.Count < MaxLayers))
        {
            AddDevice(layers, below, depth + 1);
        }
    }

    private StorageLayer Describe(BlockDevice device) =>
        findings.Volumes.Find(device.Number)
        ?? (device.Type != "part" && findings.Zvols.TryGetValue(device.KernelName, out var zvol)
            // A partition also has a link, but is not a dataset. udev writes a blank as '+', which is not allowed in dataset names.
            ? new ZvolLayer(zvol.Replace('+', ' '), ZvolFolder + zvol, device.Size)
            : new DeviceLayer(device.Type, device.Path, device.Size));

    /// <summary>LVM's internal volumes (a pool, the legs of a mirror) are skipped.</summary>
    private IEnumerable<BlockDevice> Shown(BlockDevice device) =>
        findings.Volumes.IsKnown && device.Type == "lvm" && findings.Volumes.Find(device.Number) is null ? device.Below.SelectMany(Shown) : [device];

    private static BlockDevice Unknown(string number, string path) => new(number, Path.GetFileName(path), path, "block", 0);
}
