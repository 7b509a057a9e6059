using System.Text.RegularExpressions;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>What LVM takes for names. Whatever is given to its programs as one has passed here, wherever it comes from.</summary>
internal static partial class LvmName
{
    /// <summary>What the kernel's device-mapper takes, where group and volume are one name.</summary>
    private const int LongestDeviceName = 127;

    public static bool IsValid(string name) => name is not ("." or "..") && Pattern().IsMatch(name);

    /// <summary>The parts of <c>vg/lv</c>; null where it is none.</summary>
    public static (string Group, string Name)? Split(string fullName) => fullName.Split('/') is [var group, var name] && IsValid(group) && IsValid(name) ? (group, name) : null;

    /// <summary>LVM keeps names with certain parts for itself, and all of them begin with a <c>_</c>.</summary>
    public static string ForLabel(string label) => label.Replace('_', '.');

    /// <summary>Also with what LVM appends for a snapshot's own parts.</summary>
    public static bool FitsDeviceMapper(string group, string name) => $"{Doubled(group)}-{Doubled(name)}-cow".Length <= LongestDeviceName;

    private static string Doubled(string name) => name.Replace("-", "--", StringComparison.Ordinal);

    [GeneratedRegex(@"^[a-zA-Z0-9+_.][a-zA-Z0-9+_.-]{0,126}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
