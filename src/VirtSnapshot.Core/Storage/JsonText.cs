using System.Globalization;
using System.Text.Json;

namespace VirtSnapshot.Storage;

/// <summary>What storage programs print as JSON: strings, and numbers that older versions print as strings.</summary>
internal static class JsonText
{
    /// <exception cref="FormatException">It is no JSON.</exception>
    public static JsonDocument Parse(string text)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            // The latter where the text itself has half of a surrogate pair.
            throw new FormatException(e.Message, e);
        }
    }

    /// <summary>The elements of an array; none where it is missing.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public static IReadOnlyList<JsonElement> Items(JsonElement holder, string name) => Property(holder, name) switch
    {
        { ValueKind: JsonValueKind.Array } array => [.. array.EnumerateArray()],
        { ValueKind: JsonValueKind.Undefined or JsonValueKind.Null } => [],
        _ => throw new FormatException($"'{name}' is no list."),
    };

    /// <summary>Empty where it is missing.</summary>
    /// <exception cref="FormatException">It is no text.</exception>
    public static string Text(JsonElement holder, string name) => Property(holder, name) switch
    {
        { ValueKind: JsonValueKind.String } text => Unescaped(name, text.GetString)!,
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        { ValueKind: JsonValueKind.Undefined or JsonValueKind.Null } => "",
        _ => throw new FormatException($"'{name}' is no text."),
    };

    /// <summary>False where it is missing.</summary>
    /// <exception cref="FormatException">It is neither true nor false.</exception>
    public static bool Flag(JsonElement holder, string name) => Property(holder, name).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False or JsonValueKind.Undefined or JsonValueKind.Null => false,
        _ => throw new FormatException($"'{name}' is neither true nor false."),
    };

    /// <summary>Null where there is none.</summary>
    /// <exception cref="FormatException">It is no number.</exception>
    public static long? Number(JsonElement holder, string name) => Text(holder, name) switch
    {
        "" => null,
        var text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
        var text => throw new FormatException($"'{name}' is no number: '{text}'."),
    };

    /// <inheritdoc cref="Number"/>
    public static double? Percent(JsonElement holder, string name) => Text(holder, name) switch
    {
        "" => null,
        var text when double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => number,
        var text => throw new FormatException($"'{name}' is no number: '{text}'."),
    };

    private static JsonElement Property(JsonElement holder, string name) => holder.ValueKind != JsonValueKind.Object
        ? throw new FormatException($"'{name}' is looked for in what is no object.")
        : Unescaped(name, () => holder.TryGetProperty(name, out var value) ? value : default);

    /// <summary>Only where a text or a name is looked at, does .NET find half of a surrogate pair in it, written as <c>\ud800</c>.</summary>
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
