using System.Globalization;
using System.Text;

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

    private bool HasHead => Target is { IsRegularFile: true } or { IsBlockDevice: true };

    private int LengthOfHead => Target!.IsBlockDevice ? HeadLength : (int)Math.Min(Target.Size, HeadLength);

    /// <param name="told">What the script has printed.</param>
    /// <param name="paths">The paths that were asked about, in that order. Of others nothing is believed.</param>
    public static IReadOnlyDictionary<string, FileLook> Parse(ReadOnlySpan<byte> told, IReadOnlyList<string> paths)
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
            path => path, _ => new FileLook { IsItselfKnown = isItselfWhole, IsTargetKnown = isItselfWhole }, StringComparer.Ordinal);
        foreach (var (kind, path, value) in facts)
        {
            if (looks.TryGetValue(path, out var look))
            {
                looks[path] = look.With(kind, value, isTargetWhole);
            }
        }

        foreach (var (path, head) in ParseHeads(told, paths.Where(path => looks[path].HasHead).Select(path => (path, looks[path].LengthOfHead))))
        {
            looks[path] = looks[path] with { Head = head };
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
        "w" => this with { IsWritable = value == "1" },
        "d" => this with { FreeBytes = ParseFreeBytes(value.Split(' ')) },
        _ => this,
    };

    /// <summary>
    /// What head prints of several files. What stands in them may look like its titles, so the lengths alone tell where each begins; where they do not fit, as
    /// with a file that has shrunk meanwhile, nothing is believed. Of what cannot be read, it prints nothing.
    /// </summary>
    private static List<(string Path, byte[] Head)> ParseHeads(ReadOnlySpan<byte> told, IEnumerable<(string Path, int Length)> files)
    {
        var heads = new List<(string, byte[])>();
        foreach (var (path, length) in files)
        {
            var title = Encoding.UTF8.GetBytes($"{(heads.Count > 0 ? "\n" : "")}==> {path} <==\n");
            if (!told.StartsWith(title))
            {
                continue;
            }

            if (told.Length < title.Length + length)
            {
                return [];
            }

            heads.Add((path, told.Slice(title.Length, length).ToArray()));
            told = told[(title.Length + length)..];
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
