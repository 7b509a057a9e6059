using System.Collections.Concurrent;

namespace VirtSnapshot.Hosts;

/// <summary>The shell scripts that are run on hosts. They lie beside the code, and their data comes as arguments only.</summary>
internal static class HostScriptText
{
    private static readonly ConcurrentDictionary<string, string> Texts = new(StringComparer.Ordinal);

    /// <summary>A script, without the lines that are for people alone.</summary>
    public static string Read(string name) => Texts.GetOrAdd(name, static name =>
    {
        using var stream = typeof(HostScriptText).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return string.Join('\n', reader.ReadToEnd().Split('\n').Where(line => !line.TrimStart().StartsWith('#')));
    });
}
