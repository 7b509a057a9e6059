using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>How much room a thick snapshot gets for what is written over while it exists: a fixed number of bytes, or a part of its origin.</summary>
internal static partial class SnapshotSize
{
    public const long SmallestChunk = 4 << 10;
    public const long LargestChunk = 512 << 10;

    private const long SmallestDefault = 64 << 20;
    private const int DefaultPart = 5;

    // Of each chunk that was written over, its old and new place are kept; besides there is a header.
    private const int BytesOfException = 16;
    private const int HeaderChunks = 2;

    /// <summary>What is asked for, in bytes; null where the text is none.</summary>
    public static long? Parse(string text, long origin)
    {
        if (Pattern().Match(text.Trim()) is not { Success: true } match || !decimal.TryParse(match.Groups["number"].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            return null;
        }

        var unit = match.Groups["unit"].Value;
        var factor = unit switch
        {
            "%" => origin / 100m,
            "" => 1,
            _ => 1L << (10 * "BKMGTP".IndexOf(char.ToUpperInvariant(unit[0]), StringComparison.Ordinal)),
        };
        return (double)number * (double)factor is >= 1 and < long.MaxValue ? (long)(number * factor) : null;
    }

    public static long Default(long origin) => Math.Max(SmallestDefault, origin / DefaultPart);

    /// <summary>A power of two that device-mapper takes as a chunk; null where the text is none.</summary>
    public static long? ParseChunk(string text) => Parse(text, 0) is { } bytes and >= SmallestChunk and <= LargestChunk && BitOperations.IsPow2(bytes) ? bytes : null;

    /// <summary>Whole extents, and no more than can ever be filled: then it holds its origin written over from end to end, and cannot overflow.</summary>
    public static long Extents(long bytes, long origin, long chunk, long extent)
    {
        var chunks = Divide(origin, chunk);
        var full = (HeaderChunks + chunks + Divide(chunks * BytesOfException, chunk)) * chunk;
        return Divide(Math.Min(bytes, full), extent);
    }

    private static long Divide(long number, long by) => (number + by - 1) / by;

    [GeneratedRegex(@"^(?<number>[0-9]{1,15}(\.[0-9]{1,6})?) ?(?<unit>%|B|[KMGTP](i?B)?|)\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Pattern();
}
