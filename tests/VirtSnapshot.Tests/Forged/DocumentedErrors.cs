using System.Text.RegularExpressions;
using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Forged;

/// <summary>The error ids that users read of in about_VirtSnapshot.</summary>
internal static partial class DocumentedErrors
{
    /// <summary>The ids.</summary>
    public static IReadOnlySet<string> Ids { get; } = File.ReadAllLines(Path.Combine(LabScript.Repository, "docs", "help", "about_VirtSnapshot.md"))
        .Select(line => TableRow().Match(line))
        .Where(row => row.Success)
        .SelectMany(row => row.Groups["ids"].Value.Split(", "))
        .ToHashSet(StringComparer.Ordinal);

    [GeneratedRegex(@"^\| (?<ids>[A-Za-z, ]+) \| (?<category>[A-Za-z]+) \|")]
    private static partial Regex TableRow();
}
