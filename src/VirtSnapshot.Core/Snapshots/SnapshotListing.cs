using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// One listing of the snapshots of many domains. What other domains use is read at most once for each libvirt URI, and only when a snapshot
/// makes it matter; so a listing is for one command, not to be kept.
/// </summary>
public sealed class SnapshotListing
{
    private readonly Dictionary<string, ImageWriters> writers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ImageUse> uses = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FolderListing> folders = new(StringComparer.Ordinal);
    private readonly Dictionary<(Guid Domain, Guid Group, string Disk), string> warnings = [];
    private readonly List<string> domainWarnings = [];
    private readonly HashSet<(string Uri, string Domain)> skipped = [];

    /// <summary>The warning about a snapshot of this listing; null where there is none.</summary>
    public string? FindWarning(DiskSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return warnings.GetValueOrDefault((snapshot.DomainUuid, snapshot.Group, snapshot.Disk)) ?? CowSpace.FindWarning(snapshot);
    }

    /// <summary>Takes the warnings about the domains listed since the last call.</summary>
    public IReadOnlyList<string> TakeWarnings()
    {
        string[] taken = [.. domainWarnings];
        domainWarnings.Clear();
        return taken;
    }

    internal void Warn(string? message) => domainWarnings.AddRange(message is null ? [] : [message]);

    internal void Warn(IEnumerable<string> messages) => domainWarnings.AddRange(messages);

    internal void Warn(DiskSnapshot snapshot, string message) => warnings[(snapshot.DomainUuid, snapshot.Group, snapshot.Disk)] = message;

    internal ImageWriters WritersFor(MethodRequest request)
    {
        if (!writers.TryGetValue(request.Domain.Uri, out var found))
        {
            writers.Add(request.Domain.Uri, found = ImageWriters.Read(request, name => Skip(request, name)));
        }

        return found;
    }

    internal ImageUse UseFor(MethodRequest request)
    {
        if (!uses.TryGetValue(request.Domain.Uri, out var found))
        {
            uses.Add(request.Domain.Uri, found = ImageUse.Read(request, name => Skip(request, name)));
        }

        return found.For(request);
    }

    internal FolderListing FoldersOf(MethodRequest request)
    {
        if (!folders.TryGetValue(request.Domain.Uri, out var found))
        {
            folders.Add(request.Domain.Uri, found = new FolderListing());
        }

        return found;
    }

    /// <summary>A list is not to wait for a domain that hangs, and not to hide that either.</summary>
    private void Skip(MethodRequest request, string name)
    {
        if (skipped.Add((request.Domain.Uri, name)))
        {
            domainWarnings.Add($"Domain '{name}' does not respond, so it is unknown whether it uses images of these snapshots. "
                + "List them again when it responds.");
        }
    }
}

/// <summary>The warning about COW space that is nearly full.</summary>
internal static class CowSpace
{
    /// <summary>The usage in percent from which on there is a warning.</summary>
    internal const double NearlyFullPercent = 80;

    /// <summary>The warning about a snapshot; null where its COW space is not nearly full.</summary>
    public static string? FindWarning(DiskSnapshot snapshot) => snapshot.FillPercent >= NearlyFullPercent
        ? $"The COW space of snapshot '{snapshot.Name}' of disk '{snapshot.Disk}' of domain '{snapshot.Domain}' is "
            + FormattableString.Invariant($"{snapshot.FillPercent:0.#} % full. ")
            + "When it is full the snapshot is lost, and every volume of a thin pool stops: extend it ('lvextend'), or remove the snapshot soon."
        : null;
}
