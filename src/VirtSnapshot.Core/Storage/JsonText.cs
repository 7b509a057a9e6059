using System.Globalization;
using System.Text.Json;

namespace VirtSnapshot.Storage;

/// <summary>Reads the JSON output of storage programs: strings, and numbers that older versions print as strings.</summary>
internal static class JsonText
{
    /// <exception cref="FormatException">It is not JSON.</exception>
    public static JsonDocument Parse(string text)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            // An unpaired surrogate in the text causes an ArgumentException.
            throw new FormatException(e.Message, e);
        }
    }

    /// <summary>The elements of an array; empty if it is missing.</summary>
    /// <exception cref="FormatException">It is not an array.</exception>
    public static IReadOnlyList<JsonElement> Items(JsonElement holder, string name) => Property(holder, name) switch
    {
        { ValueKind: JsonValueKind.Array } array => [.. array.EnumerateArray()],
        { ValueKind: JsonValueKind.Undefined or JsonValueKind.Null } => [],
        _ => throw new FormatException($"'{name}' is not a list."),
    };

    /// <summary>A string; empty if it is missing.</summary>
    /// <exception cref="FormatException">It is not a string.</exception>
    public static string Text(JsonElement holder, string name) => Property(holder, name) switch
    {
        { ValueKind: JsonValueKind.String } text => Unescaped(name, text.GetString)!,
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        { ValueKind: JsonValueKind.Undefined or JsonValueKind.Null } => "",
        _ => throw new FormatException($"'{name}' is not a string."),
    };

    /// <summary>A boolean; false if it is missing.</summary>
    /// <exception cref="FormatException">It is neither true nor false.</exception>
    public static bool Flag(JsonElement holder, string name) => Property(holder, name).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False or JsonValueKind.Undefined or JsonValueKind.Null => false,
        _ => throw new FormatException($"'{name}' is neither true nor false."),
    };

    /// <summary>A number; null if it is missing.</summary>
    /// <exception cref="FormatException">It is not a number.</exception>
    public static long? Number(JsonElement holder, string name) => Text(holder, name) switch
    {
        "" => null,
        var text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
        var text => throw new FormatException($"'{name}' is not a number: '{text}'."),
    };

    /// <inheritdoc cref="Number"/>
    public static double? Percent(JsonElement holder, string name) => Text(holder, name) switch
    {
        "" => null,
        var text when double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number) => number,
        var text => throw new FormatException($"'{name}' is not a number: '{text}'."),
    };

    private static JsonElement Property(JsonElement holder, string name) => holder.ValueKind != JsonValueKind.Object
        ? throw new FormatException($"The parent of '{name}' is not an object.")
        : Unescaped(name, () => holder.TryGetProperty(name, out var value) ? value : default);

    /// <summary>.NET detects an unpaired surrogate (<c>\ud800</c>) only when a string or name is read.</summary>
    private static T Unescaped<T>(string name, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException e)
        {
            throw new FormatException($"'{name}' cannot be read: {e.Message}", e);
        }
    }
}
