using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Methods;

/// <summary>A disk in the domain's stored definition, which its next start uses.</summary>
internal static class StoredDisk
{
    /// <summary>Gives the disk another source. The domain is not redefined as a whole, which would lose passwords and concurrent changes.</summary>
    public static void PointTo(MethodRequest request, string target, DiskSource source)
    {
        var stored = DomainReader.ReadStored(request.Native, request.Domain).Root.Element("devices")!.Elements("disk")
            .First(disk => (string?)disk.Element("target")?.Attribute("dev") == target);
        var changed = new XElement(stored);
        changed.SetAttributeValue("type", source.Type.ToString().ToLowerInvariant());
        changed.Element("backingStore")?.Remove();
        changed.Element("source")!.ReplaceWith(SafeXml.Parse(source.Xml));
        changed.Element("driver")?.SetAttributeValue("type", source.Format ?? "raw");
        request.Native.UpdateDevice(changed.ToString(SaveOptions.DisableFormatting), Definition.Stored);
    }
}
