using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>What <c>qemu-img info --output=json</c> prints.</summary>
internal static class ImageInfo
{
    /// <summary>The image's size as the guest sees it, in bytes.</summary>
    /// <exception cref="FormatException">It is not what qemu-img prints.</exception>
    public static ulong ReadVirtualSize(string json)
    {
        using var info = JsonText.Parse(json);
        return JsonText.Number(info.RootElement, "virtual-size") is { } size ? (ulong)size : throw new FormatException("'virtual-size' is missing.");
    }
}
