using System.Text.RegularExpressions;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Btrfs;

/// <summary>What <c>btrfs subvolume show</c> says of a subvolume.</summary>
/// <param name="Uuid">Its identity: no other subvolume ever has the same.</param>
/// <param name="ParentUuid">The subvolume that it is a snapshot of; null where it is none.</param>
/// <param name="Id">Its number in the file system, never used again.</param>
/// <param name="IsReadOnly">Whether nothing in it can change.</param>
internal sealed partial record Subvolume(string Uuid, string? ParentUuid, ulong Id, bool IsReadOnly)
{
    /// <summary>Every subvolume's root has this inode number.</summary>
    public const ulong RootInode = 256;

    /// <summary>The number of the one that every file system begins with, and that cannot be moved or deleted.</summary>
    private const ulong TopLevelId = 5;

    public bool IsTopLevel => Id == TopLevelId;

    /// <returns>Null where the path leads to something else than a subvolume, or to nothing.</returns>
    /// <exception cref="VirtSnapshotException"><c>AccessDenied</c>, <c>SourceUnreadable</c>; as <see cref="IHost.RunAsRoot"/>.</exception>
    public static Subvolume? Read(IHost host, string path)
    {
        if (host.Stat(path) is not { IsDirectory: true, Inode: RootInode })
        {
            return null;
        }

        var result = host.RunAsRoot("btrfs", ["subvolume", "show", "--", path]);
        if (result.Succeeded)
        {
            return Parse(result.Output) ?? throw new VirtSnapshotException(
                FailureKind.InvalidData, "SourceUnreadable", path, $"What 'btrfs subvolume show' says of '{path}' cannot be understood.");
        }

        if (result.Errors.Contains("ot a btrfs", StringComparison.OrdinalIgnoreCase))
        {
            // A directory of another file system has that number by chance.
            return null;
        }

        var (kind, id) = ToolError.IsNoPermission(result.Errors) || result.Errors.Contains("not permitted", StringComparison.Ordinal)
            ? (FailureKind.PermissionDenied, "AccessDenied")
            : (FailureKind.InvalidData, "SourceUnreadable");
        throw new VirtSnapshotException(kind, id, path, $"The subvolume '{path}' cannot be looked at: {result.ToolError}.");
    }

    /// <summary>
    /// The names of subvolumes are in the text, too, and may hold line breaks: what is there twice is nobody's word.
    /// </summary>
    internal static Subvolume? Parse(string shown)
    {
        var values = FieldPattern().Matches(shown).ToLookup(match => match.Groups["name"].Value, match => match.Groups["value"].Value, StringComparer.Ordinal);
        return Only("UUID") is { } uuid && Guid.TryParse(uuid, out _)
            && Only("Parent UUID") is { } parent && (parent == "-" || Guid.TryParse(parent, out _))
            && ulong.TryParse(Only("Subvolume ID"), out var id)
            && Only("Flags") is { } flags
            ? new Subvolume(uuid, parent == "-" ? null : parent, id, flags.Split(',', StringSplitOptions.TrimEntries).Contains("readonly"))
            : null;

        string? Only(string name) => values[name].ToList() is [var value] ? value : null;
    }

    [GeneratedRegex(@"^\t(?<name>[A-Z][A-Za-z ]*):[ \t]+(?<value>[^\t\n]+)$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex FieldPattern();
}
