using System.Buffers.Binary;
using System.Text;

namespace VirtSnapshot.Storage;

/// <summary>
/// The header of a qcow2 file: https://www.qemu.org/docs/master/interop/qcow2.html. It is parsed here, since running <c>qemu-img info</c> for
/// each image of a domain would be slow.
/// </summary>
/// <param name="VirtualSize">The virtual size in bytes.</param>
/// <param name="BackingFile">The name as written in the file. It may be relative to the file's folder, or not a path.</param>
/// <param name="BackingFormat">The backing file's format, if it is in the file.</param>
/// <param name="HoldsData">Whether any cluster was ever allocated for guest data.</param>
/// <param name="SnapshotCount">The number of internal snapshots.</param>
/// <param name="DataFile">The name of an external raw data file, written like a backing file; empty if the file has one but does not name it.</param>
internal sealed record Qcow2Header(ulong VirtualSize, string? BackingFile, string? BackingFormat, bool HoldsData, uint SnapshotCount, string? DataFile)
{
    /// <summary>Whether the guest data in this file is encrypted, with QEMU's old method or with LUKS. Its backing file may be unencrypted.</summary>
    public bool IsEncrypted { get; init; }

    /// <summary>Enough for the header, its extensions and the backing file's name, as qemu-img lays them out.</summary>
    public const int HeadLength = 4096;

    // QEMU limits the first-level table to 32 MiB.
    private const int LongestHead = 48 * 1024 * 1024;

    public const uint Magic = 0x514649FB;

    /// <summary>The header extension of this module's overlays: "VSNP".</summary>
    public const uint MarkExtension = 0x56534E50;

    private const uint BackingFormatExtension = 0xE2792ACA;
    private const int LongestBackingFile = 1023;
    private const uint DataFileExtension = 0x44415441;
    private const ulong DataFileFeature = 4;
    private const int Version2HeaderLength = 72;

    /// <summary>The mark of an overlay of this module; null in other images.</summary>
    public string? Mark { get; init; }

    public static bool IsQcow2(ReadOnlySpan<byte> head) => head.Length >= sizeof(uint) && Int32(head, 0) == Magic;

    /// <returns>Null if the bytes are not the head of a qcow2 file.</returns>
    public static Qcow2Header? Parse(ReadOnlySpan<byte> head)
    {
        if (head.Length < Version2HeaderLength || Int32(head, 0) != Magic)
        {
            return null;
        }

        var version = Int32(head, 4);
        var backingOffset = Int64(head, 8);
        var backingLength = Int32(head, 16);
        if (version < 2
            || backingLength > LongestBackingFile
            || backingOffset > (ulong)head.Length
            || backingOffset + backingLength > (ulong)head.Length)
        {
            return null;
        }

        var extensions = version >= 3 && head.Length >= 104 ? Int32(head, 100) : Version2HeaderLength;
        return new Qcow2Header(
            Int64(head, 24),
            backingOffset == 0 ? null : Encoding.UTF8.GetString(head.Slice((int)backingOffset, (int)backingLength)),
            ReadExtension(head, extensions, BackingFormatExtension),
            HasAllocatedCluster(head),
            Int32(head, 60),
            version >= 3 && (Int64(head, 72) & DataFileFeature) != 0 ? ReadExtension(head, extensions, DataFileExtension) ?? "" : null)
        {
            Mark = version >= 3 ? ReadExtension(head, extensions, MarkExtension) : null,
            IsEncrypted = Int32(head, 32) != 0,
        };
    }

    /// <summary>The number of bytes that include the backing file's name; the given length if its offset is invalid.</summary>
    public static int LengthWithBackingFile(ReadOnlySpan<byte> head) =>
        head.Length >= Version2HeaderLength && Int64(head, 8) is var offset and <= LongestHead && Int32(head, 16) is var length and <= LongestBackingFile
            ? Math.Max((int)offset + (int)length, head.Length)
            : head.Length;

    /// <summary>The number of bytes that include the first-level table; the given length if its offset is invalid.</summary>
    public static int LengthWithTable(ReadOnlySpan<byte> head) =>
        head.Length >= Version2HeaderLength && Int32(head, 0) == Magic && TableEnd(head) is var end and <= LongestHead
            ? Math.Max((int)end, LengthWithBackingFile(head))
            : LengthWithBackingFile(head);

    private static string? ReadExtension(ReadOnlySpan<byte> head, uint headerLength, uint wanted)
    {
        for (long at = headerLength; at + 8 <= head.Length;)
        {
            var type = Int32(head, (int)at);
            var length = Int32(head, (int)at + 4);
            if (type == 0 || at + 8 + length > head.Length)
            {
                return null;
            }

            if (type == wanted)
            {
                return Encoding.UTF8.GetString(head.Slice((int)at + 8, (int)length));
            }

            at += 8 + ((length + 7L) & ~7L);
        }

        return null;
    }

    /// <summary>An entry of the first-level table is zero until its clusters are written. A table that was not read counts as data.</summary>
    private static bool HasAllocatedCluster(ReadOnlySpan<byte> head) =>
        TableEnd(head) is var end && (end > (ulong)head.Length || head[(int)Int64(head, 40)..(int)end].ContainsAnyExcept((byte)0));

    /// <summary>The end of the first-level table; the largest number if its offset is invalid.</summary>
    private static ulong TableEnd(ReadOnlySpan<byte> head) =>
        Int64(head, 40) is var offset and <= LongestHead ? offset + (Int32(head, 36) * 8UL) : ulong.MaxValue;

    private static uint Int32(ReadOnlySpan<byte> head, int at) => BinaryPrimitives.ReadUInt32BigEndian(head[at..]);

    private static ulong Int64(ReadOnlySpan<byte> head, int at) => BinaryPrimitives.ReadUInt64BigEndian(head[at..]);
}
