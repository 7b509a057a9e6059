using VirtSnapshot.Domains;

namespace VirtSnapshot.PowerShell;

/// <summary>Snapshot names as a user types them, with wildcards; remembers which of them were never found.</summary>
internal sealed class SnapshotNameFilter
{
    private readonly List<Wildcard> patterns;
    private readonly Dictionary<string, bool> found;

    /// <param name="names">The names; null or empty for all.</param>
    /// <exception cref="VirtSnapshotException"><c>InvalidWildcard</c></exception>
    public SnapshotNameFilter(IReadOnlyList<string>? names)
    {
        patterns = [.. (names ?? []).Where(Wildcard.IsPattern).Select(Wildcard.Parse)];
        found = (names ?? []).Where(name => !Wildcard.IsPattern(name)).Distinct(StringComparer.Ordinal).ToDictionary(name => name, _ => false, StringComparer.Ordinal);
    }

    /// <summary>Whether any domain's snapshots were looked through; if none was, there is an error already that says why.</summary>
    public bool IsUsed { get; set; }

    /// <summary>The literal names that nothing has had; wildcards may find nothing.</summary>
    public IEnumerable<VirtSnapshotException> NotFound => found.Where(name => IsUsed && !name.Value).Select(name => new VirtSnapshotException(
        FailureKind.ObjectNotFound,
        "SnapshotNotFound",
        name.Key,
        $"None of the domains has a snapshot '{name.Key}' of the disks that were asked for. 'Get-DiskSnapshot' lists what there is; names are case-sensitive."));

    public bool Matches(string name)
    {
        if (found.ContainsKey(name))
        {
            found[name] = true;
            return true;
        }

        return (patterns.Count == 0 && found.Count == 0) || patterns.Exists(pattern => pattern.Matches(name));
    }
}
