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

    /// <summary>Reads a pattern. An unclosed bracket is taken literally.</summary>
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
            throw new VirtSnapshotException(
                FailureKind.InvalidArgument, "InvalidWildcard", pattern, $"'{pattern}' is not a valid wildcard pattern: {e.Message}", e);
        }
    }

    /// <summary>Whether the whole name fits; case does not matter.</summary>
    public bool Matches(string name) => regex.IsMatch(name);
}
