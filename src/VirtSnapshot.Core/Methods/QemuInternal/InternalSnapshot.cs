using System.Text.Json;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.QemuInternal;

/// <summary>One internal snapshot of a qcow2 image, planned or made.</summary>
/// <param name="Image">The image's path.</param>
/// <param name="Name">
/// The snapshot's name in the image. A part of it is random and only in our records: that proves it ours. QEMU would give several snapshots one name.
/// </param>
internal sealed record InternalSnapshot(string Image, string Name)
{
    private const string ElementName = "internalSnapshot";
    private const string Format = "qcow2";

    public static InternalSnapshot Read(SnapshotRecord record)
    {
        var element = record.Data.Name == ElementName ? record.Data : throw new FormatException($"A record of method '{record.Method}' without <{ElementName}>.");
        string Value(string name) => (string?)element.Attribute(name) ?? throw new FormatException($"<{ElementName}> without '{name}'.");
        return new InternalSnapshot(Value("image"), Value("name"));
    }

    public SnapshotRecord ToRecord(VmDisk disk) => new(
        disk.Target,
        QemuInternalMethod.MethodName,
        ToSource(disk.Source.Type == DiskSourceType.Block),
        new XElement(ElementName, new XAttribute("image", Image), new XAttribute("name", Name)));

    public DiskSource ToSource(bool isBlockDevice) => DiskSource.ForSnapshotInside(Image, Format, isBlockDevice, Name);

    public override string ToString() => $"{Image}@{Name}";

    /// <summary>Whether it is in the image.</summary>
    /// <exception cref="VirtSnapshotException"><c>SourceMissing</c>: the image is not in sight; <c>SourceUnreadable</c>; <c>SnapshotNotOurs</c>: there are several, or its name is none of ours.</exception>
    public bool Exists(IHost host)
    {
        SnapshotLabel.RequireOurs(Name, this);
        if (host.Stat(Image, followLink: true) is null)
        {
            // A folder that is not there shows no image either; nor does an empty one, which may be a mount point that nothing is mounted on.
            return host.ListFiles(Path.GetDirectoryName(Image)!).Count > 0 ? false : throw NotAccessible();
        }

        return ReadAll(host, out _).Count(found => found.Name == Name) switch
        {
            0 => false,
            1 => true,
            _ => throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SnapshotNotOurs",
                Image,
                $"The image '{Image}' has several internal snapshots named '{Name}', of which we have made only one. "
                + "Look at them with 'qemu-img snapshot -l', and copy each with 'qemu-img convert -l' before you delete one by its id."),
        };
    }

    /// <summary>When it was taken, to the second, by the host's clock.</summary>
    /// <exception cref="VirtSnapshotException"><c>SourceUnreadable</c>; it is not there.</exception>
    public DateTimeOffset ReadTime(IHost host) => ReadAll(host, out _).Where(found => found.Name == Name).Select(found => found.TakenAt).FirstOrDefault() ?? throw Unreadable("it has lost one");

    /// <summary>The image's internal snapshots, also of one that QEMU has open at the moment.</summary>
    /// <param name="host">Where it is.</param>
    /// <param name="unsuitable">Why the image cannot get one; null where it can.</param>
    /// <exception cref="VirtSnapshotException"><c>SourceUnreadable</c>.</exception>
    public IReadOnlyList<(string Name, DateTimeOffset? TakenAt)> ReadAll(IHost host, out string? unsuitable)
    {
        if (host.Stat(Image, followLink: true) is not ({ IsRegularFile: true } or { IsBlockDevice: true }))
        {
            // QEMU would wait for ever for a writer of a FIFO.
            throw Unreadable("it is neither a file nor a block device");
        }

        var result = host.RunAsRoot("qemu-img", ["info", "-U", "--output=json", "-f", Format, Image]);
        if (!result.Succeeded)
        {
            throw Unreadable(result.ToolError);
        }

        try
        {
            using var info = JsonText.Parse(result.Output);
            unsuitable = JsonText.Flag(info.RootElement, "encrypted")
                ? "its image is encrypted, which qemu-img could only open with the secret"
                : DataFile(info.RootElement) is { Length: > 0 } data
                    ? $"its image keeps the guest's data in another file, '{data}', which no internal snapshot holds"
                    : null;
            return
            [
                .. JsonText.Items(info.RootElement, "snapshots").Select(snapshot => (
                    JsonText.Text(snapshot, "name"),
                    JsonText.Number(snapshot, "date-sec") is { } seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : (DateTimeOffset?)null)),
            ];
        }
        catch (FormatException e)
        {
            throw Unreadable($"what qemu-img says of it cannot be understood ({e.Message})");
        }
    }

    public void Take(IHost host) => Do(host, "-c", "SnapshotNotTaken", "could not be taken", "");

    /// <summary>The image's content becomes what the snapshot holds.</summary>
    /// <exception cref="VirtSnapshotException">It may have been done half: it can be repeated, or another snapshot applied.</exception>
    public void Apply(IHost host) => Do(host, "-a", "RestoreFailed", "could not be restored", "");

    /// <exception cref="VirtSnapshotException">It stays.</exception>
    public void Delete(IHost host) => Do(host, "-d", "SnapshotNotDeleted", "could not be deleted", " Mend that, and run Repair-DiskSnapshot.");

    private void Do(IHost host, string what, string errorId, string problem, string advice)
    {
        var result = host.RunAsRoot("qemu-img", ["snapshot", "-q", what, Name, Image]);
        if (!result.Succeeded)
        {
            var (kind, id) = result.ToolError switch
            {
                var complaint when ToolError.IsImageLocked(complaint) => (FailureKind.ResourceBusy, "SourceInUse"),
                var complaint when ToolError.IsNoSpace(complaint) => (FailureKind.QuotaExceeded, "NoSpace"),
                var complaint when ToolError.IsNoPermission(complaint) => (FailureKind.PermissionDenied, "AccessDenied"),
                _ => (FailureKind.InvalidResult, errorId),
            };
            throw new VirtSnapshotException(kind, id, Image, $"The internal snapshot '{Name}' of '{Image}' {problem}: {result.ToolError}.{advice}");
        }
    }

    private static string DataFile(JsonElement info) =>
        info.TryGetProperty("format-specific", out var specific) && specific.ValueKind == JsonValueKind.Object && specific.TryGetProperty("data", out var data)
            ? JsonText.Text(data, "data-file")
            : "";

    private VirtSnapshotException NotAccessible() => new(
        FailureKind.ObjectNotFound,
        "SourceMissing",
        Image,
        $"Whether the internal snapshot '{Name}' is still there cannot be told, since nothing is in the folder of '{Image}': is its file system mounted? Mount it, and run Repair-DiskSnapshot.");

    private VirtSnapshotException Unreadable(string complaint) => new(
        FailureKind.InvalidData, "SourceUnreadable", Image, $"The internal snapshots of '{Image}' cannot be read: {complaint}. Nothing was touched.");
}
