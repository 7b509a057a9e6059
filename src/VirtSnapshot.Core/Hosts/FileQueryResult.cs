using System.Text;
using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>What <c>query-files.sh</c> tells of one path. Facts that are known and null mean that nothing stands there.</summary>
internal sealed record FileQueryResult
{
    /// <summary>As many bytes of a file are shown.</summary>
    public const int HeadLength = 4096;

    // A UUID, and the end of its line.
    private const int LengthOfBootId = 37;

    public bool IsEntryKnown { get; private init; }

    public FileFacts? Entry { get; private init; }

    public bool IsTargetKnown { get; private init; }

    public FileFacts? Target { get; private init; }

    public byte[]? Head { get; private init; }

    public bool? IsWritable { get; private init; }

    public long? FreeBytes { get; private init; }

    /// <param name="told">What the script has printed.</param>
    /// <param name="paths">The paths that were asked about. Of others nothing is believed.</param>
    public static IReadOnlyDictionary<string, FileQueryResult> Parse(ReadOnlySpan<byte> told, IReadOnlyList<string> paths)
    {
        var facts = new List<(string Kind, string Path, string Value)>();
        while (TakeField(ref told) is { } kind && kind != "h" && TakeField(ref told) is { } path && TakeField(ref told) is { } value)
        {
            facts.Add((kind, path, value));
        }

        // Where some could not be looked at, silence on a path does not mean that nothing is there.
        var isItselfWhole = facts.Contains(("e", "i", "0"));
        var isTargetWhole = facts.Contains(("e", "t", "0"));
        var looks = paths.ToDictionary(
            path => path, _ => new FileQueryResult { IsEntryKnown = isItselfWhole, IsTargetKnown = isItselfWhole }, StringComparer.Ordinal);
        foreach (var (kind, path, value) in facts)
        {
            if (looks.TryGetValue(path, out var look))
            {
                looks[path] = look.With(kind, value, isTargetWhole);
            }
        }

        foreach (var (path, head) in ParseHeads(told, [.. facts.Where(fact => fact.Kind == "r").Select(fact => fact.Path)]))
        {
            // Less than there should be can also mean that it could not be read.
            if (looks.TryGetValue(path, out var look) && IsWhole(head, look.Target))
            {
                looks[path] = look with { Head = head };
            }
        }

        return looks;
    }

    /// <summary>Reads the number of free blocks, and their size; null where it is something else.</summary>
    public static long? TryParseFreeBytes(string blocksAndSize) =>
        blocksAndSize.Split(' ') is [var blocks, var size] && FileFacts.Number(blocks) is { } count && FileFacts.Number(size) is { } bytes
        && (UInt128)count * bytes is var free && free <= long.MaxValue
            ? (long)free
            : null;

    /// <summary>What cannot be understood must not pass for nothing that stands there: it is as if nobody had looked.</summary>
    private FileQueryResult With(string kind, string value, bool isTargetWhole) => kind switch
    {
        "i" when FileFacts.TryParse(value) is { } itself =>
            this with { IsEntryKnown = true, Entry = itself, IsTargetKnown = !itself.IsLink || isTargetWhole, Target = itself.IsLink ? null : itself },
        "t" when FileFacts.TryParse(value) is { } target => this with { IsTargetKnown = true, Target = target },
        "i" => this with { IsEntryKnown = false, Entry = null, IsTargetKnown = false, Target = null },
        "t" => this with { IsTargetKnown = false, Target = null },
        "w" => this with { IsWritable = value == "1" },
        "d" => this with { FreeBytes = TryParseFreeBytes(value) },
        _ => this,
    };

    private static bool IsWhole(byte[] head, FileFacts? file) => file switch
    {
        { IsRegularFile: true } => (ulong)head.Length == Math.Min(file.Size, HeadLength),
        { IsBlockDevice: true } => head.Length == HeadLength,
        _ => false,
    };

    /// <summary>
    /// The first bytes of several files, with the boot id before, between and behind them. Where a file contains it as well, something is left over, and none
    /// of them is believed.
    /// </summary>
    private static List<(string Path, byte[] Head)> ParseHeads(ReadOnlySpan<byte> told, List<string> paths)
    {
        var heads = new List<(string, byte[])>();
        if (told.Length < LengthOfBootId)
        {
            return heads;
        }

        var between = told[..LengthOfBootId];
        told = told[LengthOfBootId..];
        foreach (var path in paths)
        {
            var end = told.IndexOf(between);
            if (end is < 0 or > HeadLength)
            {
                return [];
            }

            heads.Add((path, told[..end].ToArray()));
            told = told[(end + LengthOfBootId)..];
        }

        return told.IsEmpty ? heads : [];
    }

    /// <summary>The text up to the next NUL.</summary>
    private static string? TakeField(ref ReadOnlySpan<byte> told)
    {
        var end = told.IndexOf((byte)0);
        if (end < 0)
        {
            return null;
        }

        var field = Encoding.UTF8.GetString(told[..end]);
        told = told[(end + 1)..];
        return field;
    }
}
