using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>Snapshots' names and ids as a user types them, with wildcards; remembers which of them were never found.</summary>
/// <param name="names">The names; null for all.</param>
/// <param name="ids">The ids; null for all.</param>
/// <exception cref="VirtSnapshotException"><c>InvalidWildcard</c></exception>
internal sealed class SnapshotFilter(IReadOnlyList<string>? names, IReadOnlyList<string>? ids)
{
    private readonly Texts names = new(names ?? []);
    private readonly Texts ids = new(ids ?? []);

    /// <summary>Whether all snapshots fit.</summary>
    public bool IsEmpty => names.IsEmpty && ids.IsEmpty;

    /// <summary>Whether any domain's snapshots were looked through; if none was, there is an error already that says why.</summary>
    public bool IsUsed { get; set; }

    /// <summary>The literal names and ids that nothing has had; wildcards may find nothing.</summary>
    public IEnumerable<VirtSnapshotException> NotFound => names.NotFound.Concat(ids.NotFound).Where(_ => IsUsed).Select(text => new VirtSnapshotException(
        FailureKind.ObjectNotFound,
        "SnapshotNotFound",
        text,
        $"None of the domains has a snapshot '{text}' of the disks that were asked for. 'Get-DiskSnapshot' lists what there is; names are case-sensitive."));

    public bool Matches(DiskSnapshot snapshot) => names.Matches(snapshot.Name) & ids.Matches(snapshot.Id);

    private sealed class Texts(IReadOnlyList<string> given)
    {
        private readonly List<Wildcard> patterns = [.. given.Where(Wildcard.IsPattern).Select(Wildcard.Parse)];
        private readonly Dictionary<string, bool> found = given.Where(text => !Wildcard.IsPattern(text)).Distinct(StringComparer.Ordinal).ToDictionary(text => text, _ => false, StringComparer.Ordinal);

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
