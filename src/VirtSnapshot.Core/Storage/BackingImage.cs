namespace VirtSnapshot.Storage;

/// <summary>An image that another one stands on.</summary>
/// <param name="Path">Where that is on the host; null where it is no path (a server's image).</param>
/// <param name="Written">How the image above names it; relative names follow the image into a snapshot, absolute ones do not.</param>
public sealed record BackingImage(string? Path, string Written)
{
    /// <inheritdoc/>
    public override string ToString() => Path ?? Written;
}
