namespace VirtSnapshot.Storage;

/// <summary>The sections that the probe's script prints.</summary>
internal sealed class ProbeOutput
{
    // What was cut off must not pass for what is not there.
    private const string LastSection = "end";

    private readonly Dictionary<string, List<string>> sections = new(StringComparer.Ordinal);

    private ProbeOutput()
    {
    }

    /// <exception cref="FormatException">It is not whole.</exception>
    public static ProbeOutput Parse(string text)
    {
        var answer = new ProbeOutput();
        List<string>? values = null;
        foreach (var field in text.Split('\0'))
        {
            if (field.Length == 0)
            {
                values = null;
            }
            else if (values is null)
            {
                values = answer.sections[field] = [];
            }
            else
            {
                values.Add(field);
            }
        }

        return answer.Has(LastSection) ? answer : throw new FormatException("The answer ends in the middle.");
    }

    public bool Has(string section) => sections.ContainsKey(section);

    /// <summary>The one value of a section; empty where there is none.</summary>
    public string Text(string section) => Values(section).FirstOrDefault() ?? "";

    /// <summary>Each value, taken apart at its first blanks.</summary>
    /// <exception cref="FormatException">One has fewer parts.</exception>
    public IEnumerable<string[]> Rows(string section, int parts) => Values(section).Select(value => value.Split(' ', parts) is var row && row.Length == parts
        ? row
        : throw new FormatException($"Section '{section}' has a row '{value}'."));

    /// <summary>The section's value for each path.</summary>
    /// <exception cref="FormatException">There are more or fewer.</exception>
    public IEnumerable<(string Path, string Value)> Pairs(IReadOnlyList<string> paths, string section) => Values(section).Count == paths.Count
        ? paths.Zip(Values(section))
        : throw new FormatException($"{paths.Count} paths were asked for, and section '{section}' has {Values(section).Count}.");

    private List<string> Values(string section) => sections.TryGetValue(section, out var values) ? values : [];
}
