using System.Text.RegularExpressions;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>The syntax of LVM names. Every name is checked here before a program gets it.</summary>
internal static partial class LvmName
{
    /// <summary>The limit of device-mapper, where group and volume are one name.</summary>
    private const int LongestDeviceName = 127;

    public static bool IsValid(string name) => name is not ("." or "..") && Pattern().IsMatch(name);

    /// <summary>The parts of <c>vg/lv</c>; null where it is not such a name.</summary>
    public static (string Group, string Name)? Split(string fullName) =>
        fullName.Split('/') is [var group, var name] && IsValid(group) && IsValid(name) ? (group, name) : null;

    /// <summary>LVM reserves names with certain parts, all of which begin with <c>_</c>.</summary>
    public static string ForLabel(string label) => label.Replace('_', '.');

    /// <summary>Includes the suffix that LVM appends for a snapshot's COW device.</summary>
    public static bool FitsDeviceMapper(string group, string name) => $"{Doubled(group)}-{Doubled(name)}-cow".Length <= LongestDeviceName;

    private static string Doubled(string name) => name.Replace("-", "--", StringComparison.Ordinal);

    [GeneratedRegex(@"^[a-zA-Z0-9+_.][a-zA-Z0-9+_.-]{0,126}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
