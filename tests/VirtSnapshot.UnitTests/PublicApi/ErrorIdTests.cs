using System.Text.RegularExpressions;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.UnitTests.PublicApi;

/// <summary>Scripts rely on error ids, so each one is in the list that users read, with its category.</summary>
public sealed partial class ErrorIdTests
{
    [Fact]
    public void Every_error_id_is_documented_with_its_category()
    {
        var documented = File.ReadAllLines(Path.Combine(LabScript.Repository, "docs", "help", "about_VirtSnapshot.md"))
            .Select(line => TableRow().Match(line))
            .Where(row => row.Success)
            .SelectMany(row => row.Groups["ids"].Value.Split(", "), (row, id) => (id, row.Groups["category"].Value))
            .ToHashSet();
        var used = Directory.EnumerateFiles(Path.Combine(LabScript.Repository, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(file => Use().Matches(File.ReadAllText(file)))
            .Select(use => (use.Groups["id"].Value, use.Groups["kind"].Value))
            .ToHashSet();

        Assert.True(used.Count > 50, "The pattern no longer finds the ids.");
        Assert.Empty(used.Except(documented));
    }

    [GeneratedRegex(@"^\| (?<ids>[A-Za-z, ]+) \| (?<category>[A-Za-z]+) \|")]
    private static partial Regex TableRow();

    [GeneratedRegex("FailureKind\\.(?<kind>\\w+),\\s*\"(?<id>[A-Z][A-Za-z]+)\"")]
    private static partial Regex Use();
}
