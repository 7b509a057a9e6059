using System.Globalization;

namespace VirtSnapshot.Storage;

/// <summary>What the probe's script has told: of all paths that it was asked for, one after the other.</summary>
internal sealed class StorageFindings
{
    // statx's mode: see inode(7).
    private const int TypeMask = 0xF000;
    private const int BlockDeviceType = 0x6000;
    private const string SubvolumeRoot = "256";

    private readonly Dictionary<string, string> resolved = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string?> deviceOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Qcow2Header?> headers = new(StringComparer.Ordinal);
    private readonly HashSet<string> longHeads = new(StringComparer.Ordinal);
    private readonly HashSet<string> subvolumes = new(StringComparer.Ordinal);
    private readonly HashSet<string> cloning = new(StringComparer.Ordinal);

    public MountTable Mounts { get; private set; } = MountTable.Parse("");

    public BlockDeviceTable Devices { get; private set; } = BlockDeviceTable.Parse("");

    public LogicalVolumeTable Volumes { get; private set; } = LogicalVolumeTable.Parse("");

    /// <summary>Why LVM tells nothing about volumes that are there; null where it does, or where there are none.</summary>
    public string? LvmError { get; private set; }

    /// <summary>The kernel's names of the devices that each mounted btrfs is on.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Pools { get; private set; } = [];

    /// <summary>The paths below <c>/dev/zvol</c>, by the kernel's name of the device.</summary>
    public IReadOnlyDictionary<string, string> Zvols { get; private set; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public bool HasProbed(string path) => resolved.ContainsKey(path);

    public bool Exists(string path) => deviceOf.ContainsKey(path);

    /// <summary>The path with all links resolved.</summary>
    public string Resolve(string path) => resolved[path];

    /// <summary>The images that are qcow2, but of whose heads too little was read.</summary>
    public IReadOnlyList<string> LongHeads => [.. longHeads];

    /// <summary><c>major:minor</c> of a block device; null where the path is no such thing.</summary>
    public string? DeviceAt(string path) => deviceOf.GetValueOrDefault(path);

    public bool HasProbedHead(string path) => headers.ContainsKey(path);

    /// <summary>The header of a qcow2 image; null where it is none.</summary>
    public Qcow2Header? HeaderOf(string path) => headers.GetValueOrDefault(path);

    public void SetHeader(string path, Qcow2Header? header)
    {
        headers[path] = header;
        longHeads.Remove(path);
    }

    /// <summary>Whether a folder on btrfs is the root of a subvolume.</summary>
    public bool IsSubvolume(string folder) => subvolumes.Contains(folder);

    /// <summary>Whether files on an XFS can share blocks.</summary>
    public bool CanClone(string number) => cloning.Contains(number);

    /// <param name="answer">The script's.</param>
    /// <param name="plain">The paths it was asked for without their heads.</param>
    /// <param name="images">The paths of qcow2 images.</param>
    /// <exception cref="FormatException">It is not what the script prints.</exception>
    public void Add(string answer, IReadOnlyList<string> plain, IReadOnlyList<string> images)
    {
        var sections = ProbeOutput.Parse(answer);
        foreach (var (path, found) in sections.Pairs([.. plain, .. images], "paths"))
        {
            resolved[path] = found;
        }

        foreach (var fact in sections.Rows("facts", 5))
        {
            deviceOf[fact[4]] = (Hex(fact[1]) & TypeMask) == BlockDeviceType ? $"{Hex(fact[2])}:{Hex(fact[3])}" : null;
        }

        foreach (var (path, head) in sections.Pairs(images, "heads"))
        {
            var bytes = Bytes(head[1..]);
            headers[path] = Qcow2Header.Parse(bytes);
            if (headers[path] is null && Qcow2Header.IsQcow2(bytes))
            {
                longHeads.Add(path);
            }
        }

        Mounts = MountTable.Parse(sections.Text("mounts"));
        subvolumes.UnionWith(sections.Rows("folders", 2).Where(folder => folder[0] == SubvolumeRoot).Select(folder => folder[1]));
        cloning.UnionWith(sections.Rows("xfs", 2).Where(head => XfsCanClone(Bytes(head[1]))).Select(head => head[0]));
        if (sections.Has("devices"))
        {
            Devices = BlockDeviceTable.Parse(sections.Text("devices"));
            Pools = [.. sections.Rows("pools", 2).GroupBy(device => device[0], device => device[1]).Select(pool => (IReadOnlyList<string>)[.. pool.Order(StringComparer.Ordinal)])];
            Zvols = sections.Rows("zvols", 2).DistinctBy(link => link[0]).ToDictionary(link => link[0], link => link[1], StringComparer.Ordinal);
        }

        if (sections.Has("volumes"))
        {
            Volumes = LogicalVolumeTable.Parse(sections.Text("volumes"));
        }

        if (sections.Has("silence"))
        {
            LvmError = sections.Text("silence").Trim().TrimEnd('.');
        }
    }

    private static int Hex(string text) => int.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw new FormatException($"'{text}' is no number.");

    /// <summary>As <c>od -tx1</c> prints them.</summary>
    private static byte[] Bytes(string text) =>
        Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));

    /// <summary>The superblock says so, as <c>xfs_info</c> would: version 5, and the feature among those that older kernels may only read.</summary>
    private static bool XfsCanClone(byte[] superblock) =>
        superblock.Length >= 216 && superblock.AsSpan().StartsWith("XFSB"u8) && (superblock[101] & 0xF) == 5 && (superblock[215] & 4) != 0;
}
