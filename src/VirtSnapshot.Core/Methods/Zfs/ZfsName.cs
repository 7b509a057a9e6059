using System.Text.RegularExpressions;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>What ZFS takes for names. Whatever is given to its programs as one has passed here, wherever it comes from.</summary>
internal static partial class ZfsName
{
    /// <summary>With a snapshot's part.</summary>
    public const int Longest = 255;

    public static bool IsDataset(string name) => name.Length <= Longest && Dataset().IsMatch(name);

    /// <summary>A snapshot that one of our labels names.</summary>
    public static bool IsOurSnapshot(string name) => name.Length <= Longest && OurSnapshot().IsMatch(name);

    public static string PoolOf(string name) => name.Split('/', '@')[0];

    public static string ParentOf(string dataset) => dataset[..Math.Max(0, dataset.LastIndexOf('/'))];

    /// <summary>The name that udev gives a zvol's device.</summary>
    public static string NodeOf(string zvol) => "/dev/zvol/" + zvol.Replace(' ', '+');

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_.: -]*(/[A-Za-z0-9_.: -]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Dataset();

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_.: -]*(/[A-Za-z0-9_.: -]+)*@virtsnapshot-[A-Za-z0-9_.-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex OurSnapshot();
}
