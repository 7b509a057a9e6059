using System.Text.RegularExpressions;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>The syntax of ZFS names. Every name is checked here before a program gets it.</summary>
internal static partial class ZfsName
{
    /// <summary>Bytes, including the snapshot's part.</summary>
    public const int Longest = 255;

    public static bool IsDataset(string name) => name.Length <= Longest && Dataset().IsMatch(name);

    /// <summary>Whether it is the name of a snapshot, with one of our labels.</summary>
    public static bool IsOurSnapshot(string name) => name.Length <= Longest && OurSnapshot().IsMatch(name);

    public static string PoolOf(string name) => name.Split('/', '@')[0];

    public static string ParentOf(string dataset) => dataset[..Math.Max(0, dataset.LastIndexOf('/'))];

    /// <summary>The link that udev creates for a zvol's device.</summary>
    public static string NodeOf(string zvol) => "/dev/zvol/" + zvol.Replace(' ', '+');

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_.: -]*(/[A-Za-z0-9_.: -]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Dataset();

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_.: -]*(/[A-Za-z0-9_.: -]+)*@virtsnapshot-[A-Za-z0-9_.-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex OurSnapshot();
}
