using System.Globalization;
using System.Text;
using System.Xml.Linq;
using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>
/// The mark in an overlay's header: an extension that QEMU ignores and keeps (https://www.qemu.org/docs/master/interop/qcow2.html, "Header extensions").
/// It proves which domain and disk the file belongs to, also after the domain's metadata is lost.
/// </summary>
/// <param name="Set">The set that it belongs to.</param>
/// <param name="Target">The disk.</param>
/// <param name="File">Its path: a copy of it is not the overlay.</param>
/// <param name="CreatedAt">When it was made, shortly before the disk was switched to it.</param>
internal sealed record OverlayMark(SetIdentity Set, string Target, string File, DateTimeOffset CreatedAt)
{
    private const string ElementName = "virtsnapshot";

    /// <returns>Null where the text is not a mark of ours.</returns>
    public static OverlayMark? Parse(string? text)
    {
        try
        {
            return text is not null
                && SafeXml.Parse(text) is { Name.LocalName: ElementName } element
                && SetIdentity.Read(element) is { } set
                ? new OverlayMark(
                    set,
                    (string?)element.Attribute("target") ?? "",
                    (string?)element.Attribute("file") ?? "",
                    DateTimeOffset.Parse((string?)element.Attribute("createdAt") ?? "", CultureInfo.InvariantCulture))
                : null;
        }
        catch (Exception e) when (SnapshotRecord.IsDamage(e))
        {
            return null;
        }
    }

    public byte[] ToBytes() => Encoding.UTF8.GetBytes(new XElement(
        ElementName,
        Set.ToAttributes(),
        new XAttribute("target", Target),
        new XAttribute("file", File),
        new XAttribute("createdAt", CreatedAt.UtcDateTime.ToString("O", CultureInfo.InvariantCulture))).ToString(SaveOptions.DisableFormatting));
}
