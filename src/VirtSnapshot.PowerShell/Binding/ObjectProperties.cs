using System.Collections;
using System.Management.Automation;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>The properties of a .NET object, a deserialized object or a custom object, or the entries of a dictionary.</summary>
internal sealed class ObjectProperties
{
    private readonly IDictionary? entries;
    private readonly PSObject shown;

    public ObjectProperties(object given)
    {
        shown = PSObject.AsPSObject(given);
        entries = shown.BaseObject as IDictionary;
        Names = [.. entries is null ? shown.Properties.Select(property => property.Name) : entries.Keys.OfType<string>()];
    }

    /// <summary>The property names in the object's spelling.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The object's type; for a deserialized object, its original type.</summary>
    public string TypeName => shown.TypeNames.FirstOrDefault() ?? shown.BaseObject.GetType().ToString();

    public bool Has(string name) => Names.Contains(name, StringComparer.OrdinalIgnoreCase);

    /// <summary>A property's value; null if it does not exist or cannot be read.</summary>
    public object? Find(string name)
    {
        try
        {
            return entries is null
                ? shown.Properties[name]?.Value
                : Names.FirstOrDefault(key => key.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } key ? entries[key] : null;
        }
        catch (GetValueException)
        {
            return null;
        }
    }

    /// <summary>The string value of a property; null if it has another type or does not exist.</summary>
    public string? FindText(string name) => TextOf(Find(name));

    /// <summary>The value as a string if its type is a string or similar; null for other objects, whose ToString is only a description.</summary>
    public static string? TextOf(object? value)
    {
        var bare = Unwrap(value);
        return bare switch
        {
            string text => text,
            Guid or Uri or char => bare.ToString(),
            _ => IsNumber(bare) ? LanguagePrimitives.ConvertTo<string>(value) : null,
        };
    }

    public static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    private static bool IsNumber(object? bare) =>
        bare is not (null or Enum) && Type.GetTypeCode(bare.GetType()) is >= TypeCode.SByte and <= TypeCode.Decimal;
}
