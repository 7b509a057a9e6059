using System.Security.Cryptography;
using System.Xml.Linq;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Snapshots;

/// <summary>A copy that <see cref="SetFolder"/> has of something beside the disks.</summary>
/// <param name="Part">Whose state; null for the domain's definition.</param>
/// <param name="Digest">The SHA-256 of its content, in hexadecimal: another content under its name is noticed.</param>
internal sealed record KeptCopy(GuestStatePart? Part, string Digest)
{
    private const string ElementName = "kept";
    private const string DefinitionName = "definition";

    public static KeptCopy Of(GuestStatePart? part, ReadOnlySpan<byte> content) => new(part, DigestOf(content));

    /// <summary>Those of a set.</summary>
    /// <exception cref="FormatException">One is damaged.</exception>
    public static IReadOnlyList<KeptCopy> ReadAll(XElement set) => [.. set.Elements(ElementName).Select(Read)];

    public bool Fits(ReadOnlySpan<byte> content) => DigestOf(content) == Digest;

    public XElement ToElement() => new(ElementName, new XAttribute("part", Part is { } part ? $"{part}" : DefinitionName), new XAttribute("sha256", Digest));

    private static KeptCopy Read(XElement element)
    {
        var (part, digest) = ((string?)element.Attribute("part"), (string?)element.Attribute("sha256") ?? "");
        return digest.Length == SHA256.HashSizeInBytes * 2 && digest.All(char.IsAsciiHexDigitUpper)
            ? new KeptCopy(part == DefinitionName ? null : EnumName.Parse<GuestStatePart>(part), digest)
            : throw new FormatException("A kept copy without a digest.");
    }

    private static string DigestOf(ReadOnlySpan<byte> content) => Convert.ToHexString(SHA256.HashData(content));
}
