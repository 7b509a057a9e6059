using System.Text.RegularExpressions;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.UnitTests.Layers;

/// <summary>The folders of Core are layers: each refers only to those below it, and none to PowerShell.</summary>
public sealed partial class LayerTests
{
    private static readonly string[][] Layers =
    [
        ["Native"], ["Libvirt"], ["Hosts"], ["Domains"], ["Storage"], ["Methods", "Quiescing"], ["Snapshots"],
    ];

    private static string Core => Path.Combine(LabScript.Repository, "src", "VirtSnapshot.Core");

    [Fact]
    public void No_folder_refers_to_a_higher_one()
    {
        var files = Directory.EnumerateFiles(Core, "*.cs", SearchOption.AllDirectories)
            .Where(file => !Path.GetRelativePath(Core, file).StartsWith("obj", StringComparison.Ordinal))
            .ToList();
        Assert.NotEmpty(files);
        Assert.Empty(files.SelectMany(FindUpward));
    }

    [Fact]
    public void Every_folder_of_Core_is_a_layer() => Assert.Equal(
        Layers.SelectMany(layer => layer).Order(StringComparer.Ordinal),
        Directory.EnumerateDirectories(Core).Select(folder => Path.GetFileName(folder)).Except(["bin", "obj"]).Order(StringComparer.Ordinal));

    [Fact]
    public void No_source_line_is_longer_than_160_columns() => Assert.Empty(
        from file in Directory.EnumerateFiles(Path.Combine(LabScript.Repository, "src"), "*.cs", SearchOption.AllDirectories)
        where !file.Contains("/obj/", StringComparison.Ordinal)
        from line in File.ReadLines(file).Select((text, index) => (Text: text, Number: index + 1))
        where line.Text.Length > 160
        select $"{file}:{line.Number}");

    private static IEnumerable<string> FindUpward(string file)
    {
        var path = Path.GetRelativePath(Core, file);
        var own = LayerOf(path.Split('/')[0]);
        foreach (Match reference in Reference().Matches(File.ReadAllText(file)))
        {
            var name = reference.Groups[1].Value;
            if (LayerOf(name) > own || name is "PowerShell")
            {
                yield return $"{path} refers to {name}";
            }
        }
    }

    /// <summary>What lies beside the folders is below them all, and refers to none.</summary>
    private static int LayerOf(string folder) => Array.FindIndex(Layers, layer => layer.Contains(folder));

    [GeneratedRegex(@"\bVirtSnapshot\.(\w+)")]
    private static partial Regex Reference();
}
