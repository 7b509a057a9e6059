using System.Buffers.Binary;
using System.Text;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// An empty qcow2 image (version 3, clusters of 64 KiB), laid out as qemu-img lays it out: header, table of refcount blocks, one
/// refcount block, first-level table. https://www.qemu.org/docs/master/interop/qcow2.html. Made here rather than by
/// <c>qemu-img create</c>, since one process for each disk is most of the time before the freeze; the tests hold it against qemu-img.
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

    /// <summary>What every complete image has at least, in bytes: header, tables and blocks of one cluster each.</summary>
    public const ulong SmallestSize = TableAt + ClusterSize;

    // A second-level table is one cluster of 8-byte entries, each for one cluster of data.
    private const ulong BytesPerEntry = (ulong)ClusterSize / 8 * ClusterSize;

    /// <param name="virtualSize">In bytes, a multiple of 512.</param>
    /// <param name="backingFile">The base as it will stand in the image; null for none.</param>
    /// <param name="backingFormat">The base's format.</param>
    /// <param name="mark">What the image says of itself.</param>
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

        // The format first, as QEMU itself has it: libvirt does not find it behind an extension that it does not know and whose length is no multiple of 8.
        var at = backingFile is null ? HeaderLength : WriteExtension(image, HeaderLength, BackingFormatExtension, Encoding.UTF8.GetBytes(backingFormat ?? "raw"));
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

    /// <returns>Where the next extension goes.</returns>
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
