using System.Globalization;
using System.Text.RegularExpressions;

namespace VirtSnapshot.Methods;

/// <summary>
/// A snapshot's name. It becomes part of file names and XML on every kind of storage, so it is checked once, here: ASCII
/// letters, digits, '.', '_' and '-', at most 64, beginning with a letter or digit, without '..'.
/// </summary>
public readonly partial record struct SnapshotName
{
    private readonly string? value;

    private SnapshotName(string value) => this.value = value;

    /// <exception cref="VirtSnapshotException"><c>InvalidSnapshotName</c></exception>
    public static SnapshotName Parse(string name) =>
        TryParse(name) ?? throw new VirtSnapshotException(
            FailureKind.InvalidArgument,
            "InvalidSnapshotName",
            name,
            $"'{Printable(name)}' cannot be a snapshot's name, since it becomes part of file names: use ASCII letters, digits, '.', '_' and '-', "
            + "at most 64 of them, a letter or digit first, and no '..'.");

    /// <summary>Null where it cannot be a name.</summary>
    public static SnapshotName? TryParse(string? name) =>
        name is not null && Pattern().IsMatch(name) && !name.Contains("..", StringComparison.Ordinal) ? new SnapshotName(name) : null;

    /// <summary>A name for a moment: sortable, in UTC, to the millisecond.</summary>
    public static SnapshotName ForTime(DateTimeOffset time) =>
        new(time.UtcDateTime.ToString("yyyyMMdd'T'HHmmssfff'Z'", CultureInfo.InvariantCulture));

    /// <inheritdoc/>
    public override string ToString() => value ?? "";

    private static string Printable(string? name) =>
        string.Concat((name ?? "").Take(80).Select(c => char.IsControl(c) ? '\uFFFD' : c));

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
