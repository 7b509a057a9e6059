using System.Xml.Linq;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>What the <c>&lt;diskSnapshot&gt;</c> element of a method of LVM says.</summary>
internal sealed class SnapshotSettings
{
    private const string DeviceElement = "device";

    private readonly VolumeRequest request;
    private readonly XElement element;

    /// <param name="request">What is asked for.</param>
    /// <param name="known">The elements that mean something, besides <c>&lt;device&gt;</c>; of others the user is told that they do not.</param>
    /// <param name="volume">The volume under the disk: <c>&lt;device&gt;</c> must mean it.</param>
    /// <exception cref="VirtSnapshotException"><c>MethodUnsuitable</c></exception>
    public SnapshotSettings(VolumeRequest request, IReadOnlyList<string> known, LogicalVolumeLayer volume)
    {
        this.request = request;
        element = request.Method.ToElement();
        foreach (var other in element.Elements().Where(other => other.Name != DeviceElement && !known.Contains(other.Name.LocalName)))
        {
            request.Warn($"Method '{request.Method}' of disk '{request.Disks[0].Target}' of domain '{request.Domain.Name}': <{other.Name.LocalName}> means nothing to it.");
        }

        if (element.Element(DeviceElement) is { } device && !Means((string?)device.Attribute("path") ?? "", volume))
        {
            throw Wrong($"<device path='{(string?)device.Attribute("path")}'/> is not the logical volume that it lies on: that is '{volume.Device}'");
        }
    }

    /// <summary>What an element holds, understood.</summary>
    /// <param name="name">The element.</param>
    /// <param name="parse">Null where the text is not what it should be.</param>
    /// <param name="form">What it should be, in words.</param>
    /// <returns>Null where there is no such element.</returns>
    public long? Read(string name, Func<string, long?> parse, string form) => element.Element(name) is { } setting
        ? parse(setting.Value) ?? throw Wrong($"<{name}>{setting.Value}</{name}> is not {form}")
        : null;

    private bool Means(string path, LogicalVolumeLayer volume) => path == volume.Device
        || (path.StartsWith("/dev/", StringComparison.Ordinal)
            && request.Host.Stat(path, followLink: true) is { IsBlockDevice: true } named
            && request.Host.Stat(volume.Device, followLink: true) is { } real
            && named.IsSameFileAs(real));

    private VirtSnapshotException Wrong(string why) => new(
        FailureKind.InvalidOperation,
        "MethodUnsuitable",
        request.Disks[0],
        $"Method '{request.Method}' cannot snapshot disk '{request.Disks[0].Target}' of domain '{request.Domain.Name}': {why}. Nothing was touched. Correct it with Set-DiskSnapshotMethod, or with -Method.");
}
