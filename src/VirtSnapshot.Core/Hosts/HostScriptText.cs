using System.Collections.Concurrent;

namespace VirtSnapshot.Hosts;

/// <summary>The embedded shell scripts that run on hosts. Data is passed to them as arguments only.</summary>
internal static class HostScriptText
{
    private static readonly ConcurrentDictionary<string, string> Texts = new(StringComparer.Ordinal);

    /// <summary>The text of a script without comment lines.</summary>
    public static string Read(string name) => Texts.GetOrAdd(name, static name =>
    {
        using var stream = typeof(HostScriptText).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return string.Join('\n', reader.ReadToEnd().Split('\n').Where(line => !line.TrimStart().StartsWith('#')));
    });
}
