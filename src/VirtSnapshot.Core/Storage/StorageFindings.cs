using System.Globalization;

namespace VirtSnapshot.Storage;

/// <summary>The collected output of the probe script, for all queried paths.</summary>
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

    /// <summary>Why LVM did not report the volumes of the host; null if it did, or if there are none.</summary>
    public string? LvmError { get; private set; }

    /// <summary>The kernel names of the devices of each mounted btrfs.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Pools { get; private set; } = [];

    /// <summary>The paths below <c>/dev/zvol</c>, by the kernel's name of the device.</summary>
    public IReadOnlyDictionary<string, string> Zvols { get; private set; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public bool HasProbed(string path) => resolved.ContainsKey(path);

    public bool Exists(string path) => deviceOf.ContainsKey(path);

    /// <summary>The path with all links resolved.</summary>
    public string Resolve(string path) => resolved[path];

    /// <summary>The qcow2 images whose headers are longer than the part that was read.</summary>
    public IReadOnlyList<string> LongHeads => [.. longHeads];

    /// <summary><c>major:minor</c> of a block device; null for other paths.</summary>
    public string? DeviceAt(string path) => deviceOf.GetValueOrDefault(path);

    public bool HasProbedHead(string path) => headers.ContainsKey(path);

    /// <summary>The header of a qcow2 image; null for other images.</summary>
    public Qcow2Header? HeaderOf(string path) => headers.GetValueOrDefault(path);

    public void SetHeader(string path, Qcow2Header? header)
    {
        headers[path] = header;
        longHeads.Remove(path);
    }

    /// <summary>Whether a folder on btrfs is the root of a subvolume.</summary>
    public bool IsSubvolume(string folder) => subvolumes.Contains(folder);

    /// <summary>Whether files of an XFS file system can share blocks.</summary>
    public bool CanClone(string number) => cloning.Contains(number);

    /// <param name="output">The script's output.</param>
    /// <param name="plain">The queried paths whose heads were not read.</param>
    /// <param name="images">The paths of possible qcow2 images.</param>
    /// <exception cref="FormatException">It is not the output of the script.</exception>
    public void Add(string output, IReadOnlyList<string> plain, IReadOnlyList<string> images)
    {
        var sections = ProbeOutput.Parse(output);
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
            Pools =
            [
                .. sections.Rows("pools", 2)
                    .GroupBy(device => device[0], device => device[1])
                    .Select(pool => (IReadOnlyList<string>)[.. pool.Order(StringComparer.Ordinal)]),
            ];
            Zvols = sections.Rows("zvols", 2).DistinctBy(link => link[0]).ToDictionary(link => link[0], link => link[1], StringComparer.Ordinal);
        }

        if (sections.Has("volumes"))
        {
            Volumes = LogicalVolumeTable.Parse(sections.Text("volumes"));
        }

        if (sections.Has("lvm-error"))
        {
            LvmError = sections.Text("lvm-error").Trim().TrimEnd('.');
        }
    }

    private static int Hex(string text) => int.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw new FormatException($"'{text}' is not a number.");

    /// <summary>Parses the output of <c>od -tx1</c>.</summary>
    private static byte[] Bytes(string text) =>
        Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));

    /// <summary>Whether the superblock has the reflink feature: version 5, and its bit in the read-only compatible features.</summary>
    private static bool XfsCanClone(byte[] superblock) =>
        superblock.Length >= 216 && superblock.AsSpan().StartsWith("XFSB"u8) && (superblock[101] & 0xF) == 5 && (superblock[215] & 4) != 0;
}
