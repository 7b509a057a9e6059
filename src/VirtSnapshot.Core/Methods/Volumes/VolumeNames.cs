namespace VirtSnapshot.Methods.Volumes;

/// <summary>Names of snapshots that are hidden entries in a folder of the volume.</summary>
internal static class VolumeNames
{
    private const string Mark = ".virtsnapshot-";

    public static string Beside(string folder, string label) => Path.Combine(folder, $".{label}");

    /// <summary>Why a record does not name the entry that a set has in a folder; null where it does.</summary>
    public static string? WhyNotOurs(VolumeSnapshot snapshot, string folder, SetIdentity set) =>
        IsOurs(snapshot, folder) && SnapshotLabel.IsOf(Path.GetFileName(snapshot.At)[1..], set) && Path.GetFullPath(snapshot.At) == snapshot.At
            ? null
            : $"'{snapshot.At}' is not the name of its snapshot in '{folder}'";

    /// <summary>
    /// Whether a record names such an entry. Records are stored in the domain's metadata, which other users may write: a record that names another file
    /// must not cause its deletion.
    /// </summary>
    public static bool IsOurs(VolumeSnapshot snapshot, string folder) =>
        snapshot.At == snapshot.Name
        && Path.GetDirectoryName(snapshot.At) == folder
        && Path.GetFileName(snapshot.At).StartsWith(Mark, StringComparison.Ordinal);
}
