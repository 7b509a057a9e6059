using System.Globalization;
using System.Text.RegularExpressions;

namespace VirtSnapshot.Methods;

/// <summary>
/// The names under which storage keeps what is ours: the snapshot's name, and 64 bits of the set's identity. That a thing has such a name proves that it was
/// made for that set of that domain: see <see cref="SetIdentity"/>.
/// </summary>
public static partial class SnapshotLabel
{
    private const string Mark = "virtsnapshot-";

    /// <summary>The name for what a set has in the storage: ASCII letters, digits, <c>-</c>, <c>_</c> and <c>.</c>, at most 100 characters.</summary>
    public static string Of(SetIdentity set) => $"{Mark}{set.Name}-{ShortGroup(set.Group)}";

    /// <summary>Whether a name is the label of a set, or one of its numbered others (<c>LABEL-1</c>).</summary>
    /// <param name="name">The name.</param>
    /// <param name="set">The set.</param>
    /// <param name="spell">How the storage spells a label; as it is where it is null.</param>
    public static bool IsOf(string name, SetIdentity set, Func<string, string>? spell = null)
    {
        var label = spell is null ? Of(set) : spell(Of(set));
        return name == label
            || (name.StartsWith($"{label}-", StringComparison.Ordinal) && int.TryParse(name.AsSpan(label.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out _));
    }

    /// <summary>
    /// Whether a file has such a name: a copy of an image, by itself or hidden beside it. Such copies stand on no other image, since methods refuse to copy one
    /// that does; and one of a raw disk holds what the guest has written, be it the header of an image.
    /// </summary>
    public static bool IsOurs(string file) => Pattern().IsMatch(file);

    /// <exception cref="VirtSnapshotException"><c>SnapshotNotOurs</c></exception>
    public static void RequireOurs(string name, object snapshot)
    {
        if (!name.StartsWith(Mark, StringComparison.Ordinal))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SnapshotNotOurs",
                snapshot,
                $"'{snapshot}' is recorded as a snapshot, but its name is none that we give, so it is not touched: "
                + "it may hold somebody else's data.");
        }
    }

    /// <summary>The part of a set's identity that names carry.</summary>
    public static string ShortGroup(Guid group) => group.ToString("N")[..16];

    [GeneratedRegex(@"^\.?virtsnapshot-[A-Za-z0-9][A-Za-z0-9._-]{0,63}-[0-9a-f]{16}(-[A-Za-z0-9_]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
