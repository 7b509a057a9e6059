using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>A disk that writes to an image.</summary>
/// <param name="DomainUuid">Its domain.</param>
/// <param name="Domain">That domain's name.</param>
/// <param name="Target">The disk.</param>
/// <param name="Source">The image.</param>
/// <param name="IsRunning">Whether it writes now; else the domain's stored definition names the image, and its next start would.</param>
internal sealed record ImageWriter(Guid DomainUuid, string Domain, string Target, DiskSource Source, bool IsRunning)
{
    public override string ToString() => $"disk '{Target}' of domain '{Domain}'";
}
