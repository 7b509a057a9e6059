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
