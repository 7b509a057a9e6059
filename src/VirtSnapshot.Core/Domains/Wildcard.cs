using System.Text;
using System.Text.RegularExpressions;

namespace VirtSnapshot.Domains;

/// <summary>PowerShell's wildcards (<c>*</c>, <c>?</c>, <c>[a-c]</c>, a backtick as escape character), without a dependency on PowerShell.</summary>
public sealed partial class Wildcard
{
    /// <summary>Longer than any name. The non-backtracking regular expression has its own size limit.</summary>
    private const int MaxLength = 500;

    private readonly Regex regex;

    private Wildcard(string pattern, Regex regex)
    {
        Pattern = pattern;
        this.regex = regex;
    }

    /// <summary>The pattern as given.</summary>
    public string Pattern { get; }

    /// <summary>Whether the text contains a wildcard. If not, it is a name, and it is an error if no object has it.</summary>
    public static bool IsPattern(string text) => text.AsSpan().IndexOfAny("*?[") >= 0;

    /// <summary>Parses a pattern.</summary>
    /// <exception cref="VirtSnapshotException">
    /// <c>InvalidWildcard</c>: a bracket is not closed, a range is reversed, or it has more than 500 characters.
    /// </exception>
    public static Wildcard Parse(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        if (pattern.Length > MaxLength)
        {
            throw Invalid(pattern[..100] + "…", $"it has {pattern.Length} characters; at most {MaxLength} are allowed.");
        }

        var regex = new StringBuilder("^");
        for (var i = 0; i < pattern.Length; i++)
        {
            var c = pattern[i];

            // A bracket directly after the opening one is literal, as in PowerShell.
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
                    throw Invalid(pattern, $"the bracket at position {i + 1} is not closed. For a literal bracket, put a backtick before it: '`['.");
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
            throw Invalid(pattern, "a range in brackets is reversed.", e);
        }
    }

    /// <summary>Whether the whole name matches, ignoring case.</summary>
    public bool Matches(string name) => regex.IsMatch(name);

    private static VirtSnapshotException Invalid(string pattern, string why, Exception? inner = null) =>
        new(FailureKind.InvalidArgument, "InvalidWildcard", pattern, $"'{pattern}' is not a valid wildcard pattern: {why}", inner);

    /// <summary>Characters that are special in the brackets of a regular expression, and literal in PowerShell's.</summary>
    [GeneratedRegex(@"[\\^\[\]]")]
    private static partial Regex Literal();
}
