using System.Text;
using System.Text.RegularExpressions;

namespace VirtSnapshot.Domains;

/// <summary>PowerShell's wildcards (<c>*</c>, <c>?</c>, <c>[a-c]</c>, a backtick before what is meant literally), without PowerShell.</summary>
public sealed class Wildcard
{
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
    /// <exception cref="VirtSnapshotException"><c>InvalidWildcard</c>: a bracket that is not closed or has nothing in it, a range that runs backwards, or far too much.</exception>
    public static Wildcard Parse(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        var regex = new StringBuilder("^");
        for (var i = 0; i < pattern.Length; i++)
        {
            var c = pattern[i];
            var close = c == '[' ? pattern.IndexOf(']', i + 1) : -1;
            switch (c)
            {
                case '*':
                    regex.Append(".*");
                    break;
                case '?':
                    regex.Append('.');
                    break;
                case '[' when close > i + 1:
                    regex.Append('[').Append(pattern[(i + 1)..close].Replace("\\", "\\\\", StringComparison.Ordinal).Replace("^", "\\^", StringComparison.Ordinal).Replace("[", "\\[", StringComparison.Ordinal)).Append(']');
                    i = close;
                    break;
                case '[':
                    var state = close < 0 ? "not closed" : "empty";
                    throw Invalid(pattern, $"the bracket at position {i + 1} is {state}. To mean the bracket itself, put a backtick before it: '`['.");
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
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            // A range that runs backwards; or more than the automaton takes.
            throw Invalid(pattern, e.Message, e);
        }
    }

    /// <summary>Whether the whole name fits; case does not matter.</summary>
    public bool Matches(string name) => regex.IsMatch(name);

    private static VirtSnapshotException Invalid(string pattern, string why, Exception? inner = null)
    {
        var shown = pattern.Length <= 200 ? pattern : pattern[..200] + "…";
        return new(FailureKind.InvalidArgument, "InvalidWildcard", pattern, $"'{shown}' is not a valid wildcard pattern: {why}", inner);
    }
}
