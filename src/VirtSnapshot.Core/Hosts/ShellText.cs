namespace VirtSnapshot.Hosts;

/// <summary>
/// ssh passes one command line, which the user's login shell on the host parses. This is the only place where arguments become
/// shell text: in single quotes, all characters are literal in every Bourne-compatible shell.
/// </summary>
internal static class ShellText
{
    public static string Join(IEnumerable<string> words) => string.Join(' ', words.Select(Quote));

    public static string Quote(string word) => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>Quotes for a single line of shell text; newlines come from the shell variable <c>nl</c>.</summary>
    public static string QuoteInLine(string word) => Quote(word).Replace("\n", "'\"$nl\"'", StringComparison.Ordinal);
}
