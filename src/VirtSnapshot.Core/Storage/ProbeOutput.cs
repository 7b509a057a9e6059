namespace VirtSnapshot.Storage;

/// <summary>The sections of the probe script's output.</summary>
internal sealed class ProbeOutput
{
    // Shows that the output is complete: truncated output must not be taken for missing files.
    private const string LastSection = "end";

    private readonly Dictionary<string, List<string>> sections = new(StringComparer.Ordinal);

    private ProbeOutput()
    {
    }

    /// <exception cref="FormatException">It is incomplete.</exception>
    public static ProbeOutput Parse(string text)
    {
        var output = new ProbeOutput();
        List<string>? values = null;
        foreach (var field in text.Split('\0'))
        {
            if (field.Length == 0)
            {
                values = null;
            }
            else if (values is null)
            {
                values = output.sections[field] = [];
            }
            else
            {
                values.Add(field);
            }
        }

        return output.Has(LastSection) ? output : throw new FormatException("The output of the storage probe is incomplete.");
    }

    public bool Has(string section) => sections.ContainsKey(section);

    /// <summary>The only value of a section; empty if there is none.</summary>
    public string Text(string section) => Values(section).FirstOrDefault() ?? "";

    /// <summary>Each value, split at its first blanks.</summary>
    /// <exception cref="FormatException">A value has fewer parts.</exception>
    public IEnumerable<string[]> Rows(string section, int parts) => Values(section)
        .Select(value => value.Split(' ', parts) is var row && row.Length == parts
            ? row
            : throw new FormatException($"Section '{section}' has an invalid row '{value}'."));

    /// <summary>The section's value for each path.</summary>
    /// <exception cref="FormatException">The numbers of paths and values differ.</exception>
    public IEnumerable<(string Path, string Value)> Pairs(IReadOnlyList<string> paths, string section) => Values(section).Count == paths.Count
        ? paths.Zip(Values(section))
        : throw new FormatException($"{paths.Count} paths were queried, but section '{section}' has {Values(section).Count} values.");

    private List<string> Values(string section) => sections.TryGetValue(section, out var values) ? values : [];
}
