using System.Buffers.Binary;
using System.Text;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// An empty qcow2 image (version 3, clusters of 64 KiB) with the layout of qemu-img: header, refcount table, one refcount block,
/// L1 table. https://www.qemu.org/docs/master/interop/qcow2.html. Made here instead of by <c>qemu-img create</c>, because one
/// process per disk would take most of the time before the freeze; tests compare it with qemu-img.
/// </summary>
internal static class Qcow2Image
{
    private const int ClusterBits = 16;
    private const int ClusterSize = 1 << ClusterBits;
    private const int HeaderLength = 104;
    private const int RefcountOrder = 4; // 16 bits each
    private const uint BackingFormatExtension = 0xE2792ACA;
    private const int EndOfExtensions = 8;
    private const int RefcountTableAt = 1 * ClusterSize;
    private const int RefcountBlockAt = 2 * ClusterSize;
    private const int TableAt = 3 * ClusterSize;

    /// <summary>The minimum size of a complete image in bytes: header, tables and block of one cluster each.</summary>
    public const ulong SmallestSize = TableAt + ClusterSize;

    // An L2 table is one cluster of 8-byte entries, each for one cluster of data.
    private const ulong BytesPerEntry = (ulong)ClusterSize / 8 * ClusterSize;

    /// <param name="virtualSize">In bytes, a multiple of 512.</param>
    /// <param name="backingFile">The backing file name in the image; null for none.</param>
    /// <param name="backingFormat">The base's format.</param>
    /// <param name="mark">The mark in the header.</param>
    public static byte[] Empty(ulong virtualSize, string? backingFile, string? backingFormat, OverlayMark? mark = null)
    {
        var entries = (virtualSize + BytesPerEntry - 1) / BytesPerEntry;
        var tableClusters = Math.Max(1, ((entries * 8) + ClusterSize - 1) / ClusterSize);
        var image = new byte[TableAt + ((int)tableClusters * ClusterSize)];

        Int32(image, 0, Qcow2Header.Magic);
        Int32(image, 4, 3);
        Int32(image, 20, ClusterBits);
        Int64(image, 24, virtualSize);
        Int32(image, 36, (uint)entries);
        Int64(image, 40, TableAt);
        Int64(image, 48, RefcountTableAt);
        Int32(image, 56, 1);
        Int32(image, 96, RefcountOrder);
        Int32(image, 100, HeaderLength);

        // The format first, as QEMU writes it: libvirt does not find it after an unknown extension whose length is not a multiple of 8.
        var at = backingFile is null
            ? HeaderLength
            : WriteExtension(image, HeaderLength, BackingFormatExtension, Encoding.UTF8.GetBytes(backingFormat ?? "raw"));
        at = mark is null ? at : WriteExtension(image, at, Qcow2Header.MarkExtension, mark.ToBytes());
        if (backingFile is not null)
        {
            WriteBacking(image, at + EndOfExtensions, Encoding.UTF8.GetBytes(backingFile));
        }

        Int64(image, RefcountTableAt, RefcountBlockAt);
        for (var cluster = 0; cluster < image.Length / ClusterSize; cluster++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(image.AsSpan(RefcountBlockAt + (cluster * 2)), 1);
        }

        return image;
    }

    /// <returns>The offset of the next extension.</returns>
    private static int WriteExtension(byte[] image, int at, uint type, byte[] data)
    {
        Int32(image, at, type);
        Int32(image, at + 4, (uint)data.Length);
        data.CopyTo(image, at + 8);
        return at + 8 + ((data.Length + 7) & ~7);
    }

    private static void WriteBacking(byte[] image, int at, byte[] name)
    {
        name.CopyTo(image, at);
        Int64(image, 8, (ulong)at);
        Int32(image, 16, (uint)name.Length);
    }

    private static void Int32(byte[] image, int at, uint value) => BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(at), value);

    private static void Int64(byte[] image, int at, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(at), value);
}

/// <summary>Parses the output of <c>qemu-img info --output=json</c>.</summary>
internal static class ImageInfo
{
    /// <summary>The image's virtual size in bytes.</summary>
    /// <exception cref="FormatException">It is not output of qemu-img.</exception>
    public static ulong ReadVirtualSize(string json)
    {
        using var info = JsonText.Parse(json);
        return JsonText.Number(info.RootElement, "virtual-size") is { } size ? (ulong)size : throw new FormatException("'virtual-size' is missing.");
    }
}
