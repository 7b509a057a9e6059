namespace VirtSnapshot.Methods.Volumes;

/// <summary>Names of snapshots that lie as hidden entries in a folder of the volume.</summary>
internal static class VolumeNames
{
    private const string Mark = ".virtsnapshot-";

    public static string Beside(string folder, string label) => Path.Combine(folder, $".{label}");

    /// <summary>
    /// Whether a record speaks of such an entry. Records are kept with the domain, where others can write as well: one that names anything else must not
    /// make us delete it.
    /// </summary>
    public static bool IsOurs(VolumeSnapshot snapshot, string folder) =>
        snapshot.At == snapshot.Name && Path.GetDirectoryName(snapshot.At) == folder && Path.GetFileName(snapshot.At).StartsWith(Mark, StringComparison.Ordinal);
}
