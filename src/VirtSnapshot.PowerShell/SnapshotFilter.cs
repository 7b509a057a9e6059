using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>Names and ids of snapshots with wildcards, as given by the user. It records which of them were not found.</summary>
/// <param name="names">The names; null for all.</param>
/// <param name="ids">The ids; null for all.</param>
/// <exception cref="VirtSnapshotException"><c>InvalidWildcard</c></exception>
internal sealed class SnapshotFilter(IReadOnlyList<string>? names, IReadOnlyList<string>? ids)
{
    private readonly Texts names = new(names ?? []);
    private readonly Texts ids = new(ids ?? []);

    /// <summary>Whether all snapshots match.</summary>
    public bool IsEmpty => names.IsEmpty && ids.IsEmpty;

    /// <summary>Whether the filter was applied to any domain. If not, another error was reported.</summary>
    public bool IsUsed { get; set; }

    /// <summary>Errors for the names and ids without wildcards that did not match.</summary>
    public IEnumerable<VirtSnapshotException> NotFound => names.NotFound.Concat(ids.NotFound).Where(_ => IsUsed).Select(text => new VirtSnapshotException(
        FailureKind.ObjectNotFound,
        "SnapshotNotFound",
        text,
        $"No selected disk has a snapshot '{text}'. 'Get-DiskSnapshot' lists the existing snapshots; names are case-sensitive."));

    public bool Matches(DiskSnapshot snapshot) => names.Matches(snapshot.Name) & ids.Matches(snapshot.Id);

    private sealed class Texts(IReadOnlyList<string> given)
    {
        private readonly List<Wildcard> patterns = [.. given.Where(Wildcard.IsPattern).Select(Wildcard.Parse)];
        private readonly Dictionary<string, bool> found = given.Where(text => !Wildcard.IsPattern(text))
            .Distinct(StringComparer.Ordinal)
            .ToDictionary(text => text, _ => false, StringComparer.Ordinal);

        public bool IsEmpty => patterns.Count == 0 && found.Count == 0;

        public IEnumerable<string> NotFound => found.Where(text => !text.Value).Select(text => text.Key);

        public bool Matches(string text)
        {
            if (found.ContainsKey(text))
            {
                found[text] = true;
                return true;
            }

            return IsEmpty || patterns.Exists(pattern => pattern.Matches(text));
        }
    }
}
