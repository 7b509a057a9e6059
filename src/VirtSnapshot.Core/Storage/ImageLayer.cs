namespace VirtSnapshot.Storage;

/// <summary>The active image of a disk.</summary>
public sealed record ImageLayer(string Format, string Path, IReadOnlyList<BackingImage> BackingChain, bool IsLoop = false)
    : StorageLayer(StorageLevel.Image, Format, Path)
{
    /// <summary>Its format, as libvirt names it.</summary>
    public string Format { get; } = Format;

    /// <summary>Its path on the host, as in the domain's definition.</summary>
    public string Path { get; } = Path;

    /// <summary>Its backing images, the nearest first.</summary>
    public IReadOnlyList<BackingImage> BackingChain { get; } = BackingChain;

    /// <summary>
    /// Whether the chain is cyclic: its last image is backed by itself or by one above it. QEMU cannot open such an image.
    /// </summary>
    public bool IsLoop { get; } = IsLoop;

    /// <inheritdoc/>
    public override string Details => string.Join(
        ", ",
        new[] { BackingChain.Count == 0 ? null : $"on {string.Join(" on ", BackingChain)}", IsLoop ? "a cyclic chain" : null }
            .OfType<string>());
}

/// <summary>A backing image.</summary>
public sealed record BackingImage(string? Path, string Written, FileSystemLayer? FileSystem = null)
{
    /// <summary>Its path on the host, with all links resolved; null if it has no path (a network image).</summary>
    public string? Path { get; } = Path;

    /// <summary>Its name as written in the image above. A relative name also resolves inside a snapshot of the storage, an absolute one does not.</summary>
    public string Written { get; } = Written;

    /// <summary>Its file system; null if it is not a file, or does not exist.</summary>
    public FileSystemLayer? FileSystem { get; } = FileSystem;

    /// <inheritdoc/>
    public override string ToString() => Path ?? Written;
}
