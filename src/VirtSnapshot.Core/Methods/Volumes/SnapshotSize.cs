using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>The COW space of a thick snapshot: a number of bytes, or a percentage of its origin.</summary>
internal static partial class SnapshotSize
{
    public const long SmallestChunk = 4 << 10;
    public const long LargestChunk = 512 << 10;

    private const long SmallestDefault = 64 << 20;
    private const int DefaultPart = 5;

    // The COW store holds a header, and an exception (old and new position) for each chunk that was copied.
    private const int BytesOfException = 16;
    private const int HeaderChunks = 2;

    /// <summary>A size with a unit, or a percentage of the origin, in bytes; null where the text is neither.</summary>
    public static long? Parse(string text, long origin)
    {
        if (Pattern().Match(text.Trim()) is not { Success: true } match
            || !decimal.TryParse(match.Groups["number"].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
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

    /// <summary>A power of two that device-mapper accepts as chunk size; null where the text is none.</summary>
    public static long? ParseChunk(string text) =>
        Parse(text, 0) is { } bytes and >= SmallestChunk and <= LargestChunk && BitOperations.IsPow2(bytes) ? bytes : null;

    /// <summary>The size in whole extents, at most as much as a completely rewritten origin uses: such a snapshot cannot overflow.</summary>
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
