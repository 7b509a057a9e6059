namespace VirtSnapshot;

/// <summary>What other programs' complaints mean, where they have no code for it: the one place that knows their words.</summary>
internal static class Complaint
{
    public static bool IsNoPermission(string text) => text.Contains("ermission denied", StringComparison.Ordinal);

    public static bool IsNothingThere(string text) =>
        text.TrimEnd().EndsWith(": No such file or directory", StringComparison.Ordinal) || text.TrimEnd().EndsWith(": Not a directory", StringComparison.Ordinal);

    public static bool IsNoSpace(string text) =>
        text.Contains("No space left on device", StringComparison.Ordinal) || text.Contains("Disk quota exceeded", StringComparison.Ordinal);

    public static bool IsBusy(string text) => text.Contains("target is busy", StringComparison.Ordinal) || text.Contains("device is busy", StringComparison.Ordinal);

    /// <summary>QEMU's image locking: <c>Failed to get "write" lock</c>, or shared "write" lock, and so on.</summary>
    public static bool IsImageLocked(string text) =>
        text.Contains("Failed to get", StringComparison.Ordinal) && text.Contains("lock", StringComparison.Ordinal);
}
