namespace VirtSnapshot.Storage;

/// <summary>The image that the domain writes to.</summary>
/// <param name="Format">Its format, as libvirt names it.</param>
/// <param name="Path">Its path on the host, as the domain's definition has it.</param>
/// <param name="BackingChain">The images that it stands on, the nearest first.</param>
public sealed record ImageLayer(string Format, string Path, IReadOnlyList<BackingImage> BackingChain)
    : StorageLayer(StorageLevel.Image, Format, Path)
{
    /// <inheritdoc/>
    public override string Details => BackingChain.Count == 0 ? "" : $"on {string.Join(" on ", BackingChain)}";
}
