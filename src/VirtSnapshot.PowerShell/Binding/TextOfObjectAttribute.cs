using System.Collections;
using System.Management.Automation;
using System.Xml;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// Where a text is wanted and an object of ours, or parsed XML, is given: the text that means the same. PowerShell's own
/// conversion would lose it: the XML of a method, the content of an <see cref="XmlElement"/>.
/// </summary>
internal sealed class TextOfObjectAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) => Convert(inputData)!;

    private static object? Convert(object? given) => (given is PSObject wrapped ? wrapped.BaseObject : given) switch
    {
        VmDisk disk => disk.Target,
        DiskSnapshotMethod method => method.Xml,
        DiskMethodSetting { Xml: { } xml } => xml,
        XmlDocument document => document.DocumentElement?.OuterXml,
        XmlNode node => node.OuterXml,
        XDocument document => document.Root?.ToString(),
        XElement element => element.ToString(),
        string text => text,
        IList list => list.Cast<object?>().Select(Convert).ToArray(),
        _ => given,
    };
}
