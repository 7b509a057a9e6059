using System.Text;
using System.Text.RegularExpressions;

namespace VirtSnapshot.Domains;

/// <summary>PowerShell's wildcards (<c>*</c>, <c>?</c>, <c>[a-c]</c>, a backtick before what is meant literally), without PowerShell.</summary>
public sealed partial class Wildcard
{
    /// <summary>No name is longer, and the automaton behind it has a limit of its own.</summary>
    private const int MostCharacters = 500;

    private readonly Regex regex;

    private Wildcard(string pattern, Regex regex)
    {
        Pattern = pattern;
        this.regex = regex;
    }

    /// <summary>As it was typed.</summary>
    public string Pattern { get; }

    /// <summary>Whether the text has a wildcard in it; if not, it names one thing, and it is an error when there is none.</summary>
    public static bool IsPattern(string text) => text.AsSpan().IndexOfAny("*?[") >= 0;

    /// <summary>Reads a pattern.</summary>
    /// <exception cref="VirtSnapshotException">
    /// <c>InvalidWildcard</c>: a bracket that is not closed, a range that runs backwards, or more than 500 characters.
    /// </exception>
    public static Wildcard Parse(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        if (pattern.Length > MostCharacters)
        {
            throw Invalid(pattern[..100] + "…", $"it has {pattern.Length} characters, and more than {MostCharacters} are not taken.");
        }

        var regex = new StringBuilder("^");
        for (var i = 0; i < pattern.Length; i++)
        {
            var c = pattern[i];

            // A bracket that follows at once is one of those that are meant, as in PowerShell.
            var close = c == '[' && i + 2 < pattern.Length ? pattern.IndexOf(']', i + 2) : -1;
            switch (c)
            {
                case '*':
                    regex.Append(".*");
                    break;
                case '?':
                    regex.Append('.');
                    break;
                case '[' when close > 0:
                    regex.Append('[').Append(Literal().Replace(pattern[(i + 1)..close], @"\$0")).Append(']');
                    i = close;
                    break;
                case '[':
                    throw Invalid(pattern, $"the bracket at position {i + 1} is not closed. To mean the bracket itself, put a backtick before it: '`['.");
                case '`' when i + 1 < pattern.Length:
                    regex.Append(Regex.Escape(pattern[++i].ToString()));
                    break;
                default:
                    regex.Append(Regex.Escape(c.ToString()));
                    break;
            }
        }

        try
        {
            return new Wildcard(pattern, new Regex(
                regex.Append("\\z").ToString(),
                RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.NonBacktracking));
        }
        catch (ArgumentException e)
        {
            throw Invalid(pattern, "a range in brackets runs backwards.", e);
        }
    }

    /// <summary>Whether the whole name fits; case does not matter.</summary>
    public bool Matches(string name) => regex.IsMatch(name);

    private static VirtSnapshotException Invalid(string pattern, string why, Exception? inner = null) =>
        new(FailureKind.InvalidArgument, "InvalidWildcard", pattern, $"'{pattern}' is not a valid wildcard pattern: {why}", inner);

    /// <summary>What means something in a regular expression's brackets, and itself in PowerShell's.</summary>
    [GeneratedRegex(@"[\\^\[\]]")]
    private static partial Regex Literal();
}
