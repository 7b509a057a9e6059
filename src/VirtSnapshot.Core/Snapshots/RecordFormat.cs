using System.Xml.Linq;

namespace VirtSnapshot.Snapshots;

/// <summary>The format version of records. A later version of the module may write other versions, and can read this one.</summary>
internal static class RecordFormat
{
    private const string Attribute = "version";
    private const string Current = "1";

    /// <summary>For a new record.</summary>
    public static XAttribute Version => new(Attribute, Current);

    /// <summary>Whether a later version of the module has written it. The first records had no version, and are of the first one.</summary>
    public static bool IsUnknown(XElement record) => ((string?)record.Attribute(Attribute) ?? Current) != Current;

    /// <exception cref="FormatException">It is of another version.</exception>
    public static void Require(XElement record)
    {
        if (IsUnknown(record))
        {
            throw new FormatException($"It has format version '{(string?)record.Attribute(Attribute)}', which this version of VirtSnapshot does not "
                + "support: update the module.");
        }
    }
}
