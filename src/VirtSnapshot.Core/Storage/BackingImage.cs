namespace VirtSnapshot.Storage;

/// <summary>An image that another one stands on.</summary>
public sealed record BackingImage(string? Path, string Written, FileSystemLayer? FileSystem = null)
{
    /// <summary>Where that is on the host, all links resolved; null where it is no path (a server's image).</summary>
    public string? Path { get; } = Path;

    /// <summary>How the image above names it; relative names follow the image into a snapshot, absolute ones do not.</summary>
    public string Written { get; } = Written;

    /// <summary>The file system that holds it; null where it is no file, or is not there.</summary>
    public FileSystemLayer? FileSystem { get; } = FileSystem;

    /// <inheritdoc/>
    public override string ToString() => Path ?? Written;
}
