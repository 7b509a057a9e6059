namespace VirtSnapshot;

/// <summary>The meaning of error texts of other programs that have no error code for it.</summary>
internal static class ToolError
{
    public static bool IsNoPermission(string text) => text.Contains("ermission denied", StringComparison.Ordinal);

    public static bool IsNoSpace(string text) =>
        text.Contains("No space left on device", StringComparison.Ordinal)
        || text.Contains("Disk quota exceeded", StringComparison.Ordinal)
        || text.Contains("out of space", StringComparison.Ordinal)
        || text.Contains("insufficient free space", StringComparison.Ordinal);

    public static bool IsBusy(string text) =>
        text.Contains("target is busy", StringComparison.Ordinal)
        || text.Contains("device is busy", StringComparison.Ordinal)
        || text.Contains("dataset is busy", StringComparison.Ordinal);

    public static bool IsNameTaken(string text) => text.Contains("already exists", StringComparison.Ordinal);

    /// <summary>ZFS: neither a dataset nor a snapshot has that name.</summary>
    public static bool IsNoDataset(string text) =>
        text.Contains("dataset does not exist", StringComparison.Ordinal) || text.Contains("could not find any snapshots to destroy", StringComparison.Ordinal);

    /// <summary>ZFS: the object to be destroyed has a clone or a snapshot.</summary>
    public static bool HasDependents(string text) =>
        text.Contains("has children", StringComparison.Ordinal) || text.Contains("dependent clones", StringComparison.Ordinal);

    /// <summary>ZFS: a hold of that name exists already, or does not exist.</summary>
    public static bool IsHoldAsWanted(string text) =>
        text.Contains("tag already exists", StringComparison.Ordinal) || text.Contains("no such tag", StringComparison.Ordinal);

    public static bool IsNothingThere(string text) => Array.Exists(
        [": No such file or directory", ": Not a directory", ": File name too long"], end => text.TrimEnd().EndsWith(end, StringComparison.Ordinal));

    /// <summary>libvirt: a volume cannot share its blocks with a copy.</summary>
    public static bool IsNotCloned(string text) => text.Contains("failed to clone files", StringComparison.Ordinal);

    /// <summary>QEMU's image locking: <c>Failed to get "write" lock</c>, or shared "write" lock, and so on.</summary>
    public static bool IsImageLocked(string text) =>
        text.Contains("Failed to get", StringComparison.Ordinal) && text.Contains("lock", StringComparison.Ordinal);
}
