namespace VirtSnapshot.Methods.Volumes;

/// <summary>Names of snapshots that lie as hidden entries in a folder of the volume.</summary>
internal static class VolumeNames
{
    private const string Mark = ".virtsnapshot-";

    public static string Beside(string folder, string label) => Path.Combine(folder, $".{label}");

    /// <summary>Why a record does not speak of the entry that a set has in a folder; null where it does.</summary>
    public static string? WhyNotOurs(VolumeSnapshot snapshot, string folder, SetIdentity set) =>
        IsOurs(snapshot, folder) && SnapshotLabel.IsOf(Path.GetFileName(snapshot.At)[1..], set) && Path.GetFullPath(snapshot.At) == snapshot.At
            ? null
            : $"'{snapshot.At}' is not the name of its snapshot in '{folder}'";

    /// <summary>
    /// Whether a record speaks of such an entry. Records are kept with the domain, where others can write as well: one that names anything else must not
    /// make us delete it.
    /// </summary>
    public static bool IsOurs(VolumeSnapshot snapshot, string folder) =>
        snapshot.At == snapshot.Name && Path.GetDirectoryName(snapshot.At) == folder && Path.GetFileName(snapshot.At).StartsWith(Mark, StringComparison.Ordinal);
}
