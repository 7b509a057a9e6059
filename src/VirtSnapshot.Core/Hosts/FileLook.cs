using System.Globalization;

namespace VirtSnapshot.Hosts;

/// <summary>What <c>look.sh</c> tells of one path. Facts that are known and null mean that nothing stands there.</summary>
internal sealed record FileLook
{
    /// <summary>As many bytes of a file are shown.</summary>
    public const int HeadLength = 4096;

    public bool IsItselfKnown { get; private init; }

    public FileFacts? Itself { get; private init; }

    public bool IsTargetKnown { get; private init; }

    public FileFacts? Target { get; private init; }

    public byte[]? Head { get; private init; }

    public bool? IsWritable { get; private init; }

    public long? FreeBytes { get; private init; }

    /// <param name="fields">The script's words: kind, path, value, and again.</param>
    /// <param name="paths">The paths that were asked about. Of others nothing is believed.</param>
    public static IReadOnlyDictionary<string, FileLook> Parse(IReadOnlyList<string> fields, IReadOnlyList<string> paths)
    {
        var facts = fields.Chunk(3).Where(field => field.Length == 3).ToList();

        // Where some could not be looked at, silence on a path does not mean that nothing is there.
        var isItselfWhole = facts.Any(field => field is ["e", "i", "0"]);
        var isTargetWhole = facts.Any(field => field is ["e", "t", "0"]);
        var looks = paths.ToDictionary(
            path => path, _ => new FileLook { IsItselfKnown = isItselfWhole, IsTargetKnown = isItselfWhole }, StringComparer.Ordinal);
        foreach (var field in facts)
        {
            if (looks.TryGetValue(field[1], out var look))
            {
                looks[field[1]] = look.With(field[0], field[2], isTargetWhole);
            }
        }

        return looks;
    }

    public static long ParseFreeBytes(string[] blocksAndSize) =>
        checked(long.Parse(blocksAndSize[0], CultureInfo.InvariantCulture) * long.Parse(blocksAndSize[1], CultureInfo.InvariantCulture));

    private FileLook With(string kind, string value, bool isTargetWhole) => kind switch
    {
        "i" when FileFacts.Parse(value) is var itself =>
            this with { IsItselfKnown = true, Itself = itself, IsTargetKnown = !itself.IsLink || isTargetWhole, Target = itself.IsLink ? null : itself },
        "t" => this with { IsTargetKnown = true, Target = FileFacts.Parse(value) },
        "h" => this with { Head = Convert.FromHexString(string.Concat(value.Where(char.IsAsciiHexDigit))) },
        "d" when value.Split(' ') is [var writable, .. var free] => this with { IsWritable = writable == "1", FreeBytes = ParseFreeBytes(free) },
        _ => this,
    };
}
