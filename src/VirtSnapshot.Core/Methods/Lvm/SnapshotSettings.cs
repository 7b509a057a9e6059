using System.Xml.Linq;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>The settings in the <c>&lt;diskSnapshot&gt;</c> element of an LVM method.</summary>
internal sealed class SnapshotSettings
{
    private const string DeviceElement = "device";

    private readonly VolumeRequest request;
    private readonly XElement element;

    /// <param name="request">The request.</param>
    /// <param name="known">The supported elements besides <c>&lt;device&gt;</c>; others cause a warning.</param>
    /// <param name="volume">The volume under the disk: <c>&lt;device&gt;</c> must name it.</param>
    /// <exception cref="VirtSnapshotException"><c>MethodUnsuitable</c></exception>
    public SnapshotSettings(VolumeRequest request, IReadOnlyList<string> known, LogicalVolumeLayer volume)
    {
        this.request = request;
        element = request.Method.ToElement();
        foreach (var other in element.Elements().Where(other => other.Name != DeviceElement && !known.Contains(other.Name.LocalName)))
        {
            request.Warn($"Method '{request.Method}' of disk '{request.Disks[0].Target}' of domain '{request.Domain.Name}' "
                + $"ignores the unknown element <{other.Name.LocalName}>.");
        }

        if (element.Element(DeviceElement) is { } device && !Means((string?)device.Attribute("path") ?? "", volume))
        {
            throw Wrong($"<device path='{(string?)device.Attribute("path")}'/> is not the disk's logical volume '{volume.Device}'");
        }
    }

    /// <summary>The parsed value of an element.</summary>
    /// <param name="name">The element.</param>
    /// <param name="parse">Returns null for an invalid text.</param>
    /// <param name="form">The expected form, for the error message.</param>
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
        $"Method '{request.Method}' cannot snapshot disk '{request.Disks[0].Target}' of domain '{request.Domain.Name}': {why}. Nothing was touched. "
        + "Correct it with Set-DiskSnapshotMethod, or with -Method.");
}
