using System.Management.Automation;
using System.Text.Json;

namespace VirtSnapshot.Tests.Cmdlets;

/// <summary>What becomes of an object on its way through a job, a file or another program.</summary>
internal static class RoundTrip
{
    public static readonly IReadOnlyDictionary<string, Func<PSObject, object>> Ways = new Dictionary<string, Func<PSObject, object>>
    {
        ["live"] = given => given,
        ["Clixml"] = given => PSSerializer.Deserialize(PSSerializer.Serialize(given)),
        ["JSON"] = given => Rebuilt(given, ThroughJson),
        ["CSV"] = given => Rebuilt(given, value => value is null ? "" : LanguagePrimitives.ConvertTo<string>(value)),
        ["hashtable of JSON"] = given => given.Properties.ToDictionary(property => property.Name, property => ThroughJson(property.Value)),
    };

    /// <summary>As <c>Select-Object</c> does it: a property that is not there becomes one that is null.</summary>
    public static PSObject Select(PSObject given, params string[] properties)
    {
        var selected = new PSObject();
        foreach (var name in properties)
        {
            selected.Properties.Add(new PSNoteProperty(name, given.Properties[name]?.Value));
        }

        return selected;
    }

    private static PSObject Rebuilt(PSObject given, Func<object?, object?> through)
    {
        var rebuilt = new PSObject();
        foreach (var property in given.Properties)
        {
            rebuilt.Properties.Add(new PSNoteProperty(property.Name, through(property.Value)));
        }

        return rebuilt;
    }

    private static object? ThroughJson(object? value)
    {
        var bare = value is PSObject wrapped ? wrapped.BaseObject : value;
        var simple = bare is null or string or bool or int or Guid ? bare : bare is Enum ? (int)bare : bare.ToString();
        var read = JsonSerializer.SerializeToElement(simple);
        return read.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.Number => read.GetInt64(),
            JsonValueKind.True or JsonValueKind.False => read.GetBoolean(),
            _ => read.GetString(),
        };
    }
}
