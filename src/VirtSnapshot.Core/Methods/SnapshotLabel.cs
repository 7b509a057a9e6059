using System.Globalization;
using System.Text.RegularExpressions;

namespace VirtSnapshot.Methods;

/// <summary>
/// The names of the objects that the module creates in the storage: the snapshot's name, and 64 bits of the set's identity. An object with such a name was
/// created for that set of that domain: see <see cref="SetIdentity"/>.
/// </summary>
public static partial class SnapshotLabel
{
    private const string Mark = "virtsnapshot-";

    /// <summary>The name of a set's object in the storage: ASCII letters, digits, <c>-</c>, <c>_</c> and <c>.</c>, at most 100 characters.</summary>
    public static string Of(SetIdentity set) => $"{Mark}{set.Name}-{ShortGroup(set.Group)}";

    /// <summary>Whether a name is the label of a set, or a numbered variant of it (<c>LABEL-1</c>).</summary>
    /// <param name="name">The name.</param>
    /// <param name="set">The set.</param>
    /// <param name="spell">Converts a label to the storage's spelling; null if it is the same.</param>
    public static bool IsOf(string name, SetIdentity set, Func<string, string>? spell = null)
    {
        var label = spell is null ? Of(set) : spell(Of(set));
        return name == label
            || (name.StartsWith($"{label}-", StringComparison.Ordinal)
                && int.TryParse(name.AsSpan(label.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out _));
    }

    /// <summary>
    /// Whether a file has such a name: a copy of an image. Such copies have no backing image, because methods refuse to copy an image that has one. A copy of
    /// a raw disk contains guest data, which may look like an image header.
    /// </summary>
    public static bool IsOurs(string file) => Pattern().IsMatch(file);

    /// <summary>Refuses an object without such a name.</summary>
    /// <exception cref="VirtSnapshotException"><c>SnapshotNotOurs</c></exception>
    public static void RequireOurs(string name, object snapshot)
    {
        if (!name.StartsWith(Mark, StringComparison.Ordinal))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SnapshotNotOurs",
                snapshot,
                $"'{snapshot}' is recorded as a snapshot, but does not have a name that this module assigns, so it is not touched: "
                + "it may contain other data.");
        }
    }

    /// <summary>The part of a set's identity that is in names.</summary>
    public static string ShortGroup(Guid group) => group.ToString("N")[..16];

    [GeneratedRegex(@"^\.?virtsnapshot-[A-Za-z0-9][A-Za-z0-9._-]{0,63}-[0-9a-f]{16}(-[A-Za-z0-9_]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
