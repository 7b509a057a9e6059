using System.Text;
using VirtSnapshot.Native;

namespace VirtSnapshot.Hosts;

/// <summary>
/// The result of <c>query-files.sh</c> for one path. The entry is the path itself, the target the file after links are followed. If one is known and
/// null, it does not exist.
/// </summary>
internal sealed record FileQueryResult
{
    /// <summary>The script returns up to this many bytes of a file.</summary>
    public const int HeadLength = 4096;

    // A UUID and a newline.
    private const int LengthOfBootId = 37;

    public bool IsEntryKnown { get; private init; }

    public FileFacts? Entry { get; private init; }

    public bool IsTargetKnown { get; private init; }

    public FileFacts? Target { get; private init; }

    public byte[]? Head { get; private init; }

    public bool? IsWritable { get; private init; }

    public long? FreeBytes { get; private init; }

    /// <param name="output">The script's output.</param>
    /// <param name="paths">The queried paths. Facts about other paths are ignored.</param>
    public static IReadOnlyDictionary<string, FileQueryResult> Parse(ReadOnlySpan<byte> output, IReadOnlyList<string> paths)
    {
        var facts = new List<(string Kind, string Path, string Value)>();
        while (TakeField(ref output) is { } kind && kind != "h" && TakeField(ref output) is { } path && TakeField(ref output) is { } value)
        {
            facts.Add((kind, path, value));
        }

        // If some paths could not be queried, a missing fact does not mean that the file does not exist.
        var areEntriesComplete = facts.Contains(("e", "i", "0"));
        var areTargetsComplete = facts.Contains(("e", "t", "0"));
        var results = paths.ToDictionary(
            path => path,
            _ => new FileQueryResult { IsEntryKnown = areEntriesComplete, IsTargetKnown = areEntriesComplete },
            StringComparer.Ordinal);
        foreach (var (kind, path, value) in facts)
        {
            if (results.TryGetValue(path, out var result))
            {
                results[path] = result.With(kind, value, areTargetsComplete);
            }
        }

        foreach (var (path, head) in ParseHeads(output, [.. facts.Where(fact => fact.Kind == "r").Select(fact => fact.Path)]))
        {
            // A short head can be the result of a read error.
            if (results.TryGetValue(path, out var result) && IsComplete(head, result.Target))
            {
                results[path] = result with { Head = head };
            }
        }

        return results;
    }

    /// <summary>Parses the number of free blocks and the block size; null if the text has another format.</summary>
    public static long? TryParseFreeBytes(string blocksAndSize) =>
        blocksAndSize.Split(' ') is [var blocks, var size]
        && FileFacts.Number(blocks) is { } count
        && FileFacts.Number(size) is { } bytes
        && (UInt128)count * bytes is var free
        && free <= long.MaxValue
            ? (long)free
            : null;

    /// <summary>Adds a fact. A fact that cannot be parsed counts as unknown, not as a missing file.</summary>
    private FileQueryResult With(string kind, string value, bool areTargetsComplete) => kind switch
    {
        "i" when FileFacts.TryParse(value) is { } entry => this with
        {
            IsEntryKnown = true, Entry = entry, IsTargetKnown = !entry.IsLink || areTargetsComplete, Target = entry.IsLink ? null : entry,
        },
        "t" when FileFacts.TryParse(value) is { } target => this with { IsTargetKnown = true, Target = target },
        "i" => this with { IsEntryKnown = false, Entry = null, IsTargetKnown = false, Target = null },
        "t" => this with { IsTargetKnown = false, Target = null },
        "w" => this with { IsWritable = value == "1" },
        "d" => this with { FreeBytes = TryParseFreeBytes(value) },
        _ => this,
    };

    private static bool IsComplete(byte[] head, FileFacts? file) => file switch
    {
        { IsRegularFile: true } => (ulong)head.Length == Math.Min(file.Size, HeadLength),
        { IsBlockDevice: true } => head.Length == HeadLength,
        _ => false,
    };

    /// <summary>
    /// The first bytes of several files, separated and enclosed by the boot id. If a file contains the boot id, there are too many
    /// separators, and all heads are discarded.
    /// </summary>
    private static List<(string Path, byte[] Head)> ParseHeads(ReadOnlySpan<byte> output, List<string> paths)
    {
        var heads = new List<(string, byte[])>();
        if (output.Length < LengthOfBootId)
        {
            return heads;
        }

        var separator = output[..LengthOfBootId];
        output = output[LengthOfBootId..];
        foreach (var path in paths)
        {
            var end = output.IndexOf(separator);
            if (end is < 0 or > HeadLength)
            {
                return [];
            }

            heads.Add((path, output[..end].ToArray()));
            output = output[(end + LengthOfBootId)..];
        }

        return output.IsEmpty ? heads : [];
    }

    /// <summary>The text up to the next NUL.</summary>
    private static string? TakeField(ref ReadOnlySpan<byte> output)
    {
        var end = output.IndexOf((byte)0);
        if (end < 0)
        {
            return null;
        }

        var field = Encoding.UTF8.GetString(output[..end]);
        output = output[(end + 1)..];
        return field;
    }
}
