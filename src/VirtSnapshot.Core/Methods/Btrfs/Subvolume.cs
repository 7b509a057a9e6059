using System.Text.RegularExpressions;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Btrfs;

/// <summary>A subvolume, as printed by <c>btrfs subvolume show</c>.</summary>
/// <param name="Uuid">Its identity, never reused.</param>
/// <param name="ParentUuid">The subvolume that it is a snapshot of; null where it is no snapshot.</param>
/// <param name="Id">Its number in the file system, never reused.</param>
/// <param name="IsReadOnly">Whether it is read-only.</param>
internal sealed partial record Subvolume(string Uuid, string? ParentUuid, ulong Id, bool IsReadOnly)
{
    /// <summary>The inode number of every subvolume's root.</summary>
    public const ulong RootInode = 256;

    /// <summary>The number of the file system's top-level subvolume, which cannot be moved or deleted.</summary>
    private const ulong TopLevelId = 5;

    public bool IsTopLevel => Id == TopLevelId;

    /// <returns>Null where the path does not exist or is not a subvolume.</returns>
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
                FailureKind.InvalidData, "SourceUnreadable", path, $"The output of 'btrfs subvolume show' for '{path}' is invalid.");
        }

        if (result.Errors.Contains("ot a btrfs", StringComparison.OrdinalIgnoreCase))
        {
            // A directory of another file system can have that inode number by chance.
            return null;
        }

        var (kind, id) = ToolError.IsNoPermission(result.Errors) || result.Errors.Contains("not permitted", StringComparison.Ordinal)
            ? (FailureKind.PermissionDenied, "AccessDenied")
            : (FailureKind.InvalidData, "SourceUnreadable");
        throw new VirtSnapshotException(kind, id, path, $"The subvolume '{path}' cannot be read: {result.ToolError}.");
    }

    /// <summary>
    /// The text includes names of subvolumes, which may have line breaks: duplicate fields are rejected.
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
