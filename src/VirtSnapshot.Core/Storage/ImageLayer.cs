namespace VirtSnapshot.Storage;

/// <summary>The image that the domain writes to.</summary>
public sealed record ImageLayer(string Format, string Path, IReadOnlyList<BackingImage> BackingChain, bool IsLoop = false)
    : StorageLayer(StorageLevel.Image, Format, Path)
{
    /// <summary>Its format, as libvirt names it.</summary>
    public string Format { get; } = Format;

    /// <summary>Its path on the host, as the domain's definition has it.</summary>
    public string Path { get; } = Path;

    /// <summary>The images that it stands on, the nearest first.</summary>
    public IReadOnlyList<BackingImage> BackingChain { get; } = BackingChain;

    /// <summary>
    /// Whether the last of them (the image itself, where there are none) stands on one of those above it, or on itself: then QEMU opens none of them.
    /// </summary>
    public bool IsLoop { get; } = IsLoop;

    /// <inheritdoc/>
    public override string Details => string.Join(
        ", ",
        new[] { BackingChain.Count == 0 ? null : $"on {string.Join(" on ", BackingChain)}", IsLoop ? "a loop: it leads back to itself" : null }
            .OfType<string>());
}

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
