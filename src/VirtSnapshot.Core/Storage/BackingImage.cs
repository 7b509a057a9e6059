namespace VirtSnapshot.Storage;

/// <summary>An image that another one stands on.</summary>
/// <param name="Path">Where that is on the host, all links resolved; null where it is no path (a server's image).</param>
/// <param name="Written">How the image above names it; relative names follow the image into a snapshot, absolute ones do not.</param>
/// <param name="FileSystem">The file system that holds it; null where it is no file, or is not there.</param>
public sealed record BackingImage(string? Path, string Written, FileSystemLayer? FileSystem = null)
{
    /// <inheritdoc/>
    public override string ToString() => Path ?? Written;
}
