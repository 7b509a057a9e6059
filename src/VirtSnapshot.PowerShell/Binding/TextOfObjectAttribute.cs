using System.Collections;
using System.Management.Automation;
using System.Xml;
using System.Xml.Linq;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// Converts an object, live or deserialized, or parsed XML to the string that a parameter needs. PowerShell's own conversion would lose the XML of a
/// method or the content of an <see cref="XmlElement"/>, and would convert any object to some string.
/// </summary>
/// <param name="properties">The properties that may hold the string; the first one that does is used.</param>
internal class TextOfObjectAttribute(params string[] properties) : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) => Convert(inputData)!;

    private protected object? Convert(object? given) => ObjectProperties.Unwrap(given) switch
    {
        null => null,
        XmlDocument document => document.DocumentElement?.OuterXml,
        XmlNode node => node.OuterXml,
        XDocument document => document.Root?.ToString(),
        XElement element => element.ToString(),
        IList list => list.Cast<object?>().Select(Convert).ToArray(),
        _ => ObjectProperties.TextOf(given) ?? TextOfProperty(new ObjectProperties(given!)),
    };

    private protected virtual string? OfUnknown(string typeName) => throw new ArgumentTransformationMetadataException(
        $"An object of type '{typeName}' was given. Give a string, XML, or an object with the property {string.Join(" or ", properties)}.");

    private string? TextOfProperty(ObjectProperties given) =>
        properties.Select(given.FindText).FirstOrDefault(text => text is not null) ?? OfUnknown(given.TypeName);
}
