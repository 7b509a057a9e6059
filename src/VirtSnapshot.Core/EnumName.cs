namespace VirtSnapshot;

/// <summary>Parses the enum values in records. Unlike <see cref="Enum.Parse{T}(string)"/>, it accepts no numbers and no lists.</summary>
internal static class EnumName
{
    /// <exception cref="FormatException">There is no value of that name.</exception>
    public static T Parse<T>(string? name, bool ignoreCase = false)
        where T : struct, Enum =>
        TryParse<T>(name, ignoreCase)
        ?? throw new FormatException($"'{name}' is not a value of {char.ToLowerInvariant(typeof(T).Name[0])}{typeof(T).Name[1..]}.");

    /// <summary>Null if there is no value of that name.</summary>
    public static T? TryParse<T>(string? name, bool ignoreCase = false)
        where T : struct, Enum =>
        Enum.GetNames<T>().FirstOrDefault(known => known.Equals(name, ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal)) is { } found
            ? Enum.Parse<T>(found)
            : null;
}
