namespace VirtSnapshot.Storage;

/// <summary>The image that the domain writes to.</summary>
public sealed record ImageLayer(string Format, string Path, IReadOnlyList<BackingImage> BackingChain)
    : StorageLayer(StorageLevel.Image, Format, Path)
{
    /// <summary>Its format, as libvirt names it.</summary>
    public string Format { get; } = Format;

    /// <summary>Its path on the host, as the domain's definition has it.</summary>
    public string Path { get; } = Path;

    /// <summary>The images that it stands on, the nearest first.</summary>
    public IReadOnlyList<BackingImage> BackingChain { get; } = BackingChain;

    /// <inheritdoc/>
    public override string Details => BackingChain.Count == 0 ? "" : $"on {string.Join(" on ", BackingChain)}";
}
