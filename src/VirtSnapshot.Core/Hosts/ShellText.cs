namespace VirtSnapshot.Hosts;

/// <summary>
/// ssh hands the other side one text, which the user's login shell there takes apart again. The only place where arguments become
/// such a text: in single quotes every character stands for itself, in every shell of the Bourne family.
/// </summary>
internal static class ShellText
{
    public static string Join(IEnumerable<string> words) => string.Join(' ', words.Select(Quote));

    public static string Quote(string word) => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>For a text of one line, to a shell that has the end of a line in <c>nl</c>.</summary>
    public static string QuoteInLine(string word) => Quote(word).Replace("\n", "'\"$nl\"'", StringComparison.Ordinal);
}
